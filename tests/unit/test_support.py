"""`qhub support`: an archive that tells all that helps, and no secret."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhub.config.redaction import Redactor, redacted
from qhub.local.facts import Machine
from qhub.local.settings import Certificate

from .config.support import HASH, SECURITY
from .test_cli import qhub

TOKEN = "0123456789abcdef" * 4
SECRETS = {
    "hash": HASH,
    "token": TOKEN,
    "comment": "hunter2comment",
    "environment": "hunter2environment",
    "referred": "hunter2 referred",
    "file": "hunter2/file",
    "client": "hunter2client",
    "url": "hunter2url",
    "log": "hunter2log",
    "cookie": "hunter2cookie",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "short token": "abcdef",
}
CONFIG = f"""\
project_name: qopssupport   # {SECRETS["comment"]}
# password: {SECRETS["comment"]}
security:
  authentication:
    type: custom
    authentication_class: module.Class
    config: {{client_id: {SECRETS["client"]}, client_secret: {{env: CLIENT_SECRET}}}}
  users:
    ada: {{uid: 20001, primary_group: admin, password: "{HASH}"}}
    ben: {{uid: 20002, primary_group: admin, password: {{file: ben.password}}}}
    cleo:
      uid: 20003
      primary_group: admin
      password: |-
        {HASH}
  groups: {{admin: {{gid: 20000}}}}
profiles:
  jupyterlab:
    - display_name: Small
      kubespawner_override:
        cpu_limit: 1
        mem_limit: 1G
        environment:
          AWS_SECRET_ACCESS_KEY: {SECRETS["environment"]}
          DATABASE: postgres://me:{SECRETS["url"]}@db/x
          GREETING: hello
"""
LOG = f"""\
200 GET /hub/login?token={SECRETS["log"]}&next=/lab (ben@127.0.0.1)
Authorization: Bearer {SECRETS["log"]}
{{"Cookie": "session={SECRETS["cookie"]}; other={SECRETS["cookie"]}"}}
api_token = '{SECRETS["short token"]}'
https://user:{SECRETS["url"]}@index.example.org/simple
password of ben: {SECRETS["file"]}
a {SECRETS["jwt"]} b {HASH} c {TOKEN} d
and {SECRETS["referred"]} as hunter2%20referred
all else is told
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder as a deployment leaves it, with a secret in every place that could hold one."""
    (tmp_path / "qhub-config.yaml").write_text(CONFIG)
    (tmp_path / "ben.password").write_text(SECRETS["file"] + "\n")
    machine = Machine(
        project_name="qopssupport",
        deployment=tmp_path,
        directory=tmp_path / "local",
        isolation="none",
        python=Path("/usr/bin/python3"),
        address="127.0.0.1",
        port=1,
        url="http://127.0.0.1:1",
        ports={"hub": 2, "proxy": 3},
        certificate=Certificate(type="disabled"),
        notices=[],
    )
    machine.save(tmp_path / ".qhub" / "machine.json")
    for folder in (machine.private, machine.logs / "servers", tmp_path / ".qhub" / "logs"):
        folder.mkdir(parents=True)
    (machine.private / "token-hub").write_text(TOKEN + "\n")
    (machine.private / "cookie_secret").write_text("hunter2-in-private\n")
    hidden = {"tokens": {"qhub": "hunter2-in-json"}, "users": {"ada": {"password_hash": HASH}}}
    (machine.private / "settings.json").write_text(json.dumps(hidden))
    for path in (machine.logs / "hub.log", machine.logs / "servers" / "ben.log"):
        path.write_text(LOG + "hunter2-in-json hunter2-in-private\n")
    (tmp_path / ".qhub" / "logs" / "2026-11-23T00-00-00-deploy.log").write_text(LOG)
    return tmp_path


def collected(here: Path, *arguments: str) -> dict[str, str]:
    """The files of the archive, by name."""
    done = qhub(
        *("support", "--archive", "s.tar.gz", *arguments),
        cwd=here,
        CLIENT_SECRET=SECRETS["referred"],
        PIP_NO_INDEX="1",
    )
    assert done.returncode == 0, done.stderr
    assert (here / "s.tar.gz").stat().st_mode & 0o777 == 0o600
    with tarfile.open(here / "s.tar.gz") as archive:
        files = {}
        for entry in archive.getmembers():
            content = archive.extractfile(entry)
            assert content
            assert entry.mode == 0o600
            files[entry.name.partition("/")[2]] = content.read().decode()
    assert all(f"\n{name} " in "\n" + done.stdout for name in files)
    return files


def assert_no_secret(files: dict[str, str]) -> None:
    for name, text in files.items():
        for kind, secret in SECRETS.items():
            assert secret not in text, f"{kind} in {name}"
        assert "hunter2" not in text, name


def test_what_helps_is_there_and_no_secret(here: Path) -> None:
    files = collected(here)
    assert_no_secret(files)
    assert {"config.yaml", "versions.json", "doctor.json", "logs/server-ben.log"} <= set(files)
    shown = files["config.yaml"]
    assert len(shown.splitlines()) == len(CONFIG.splitlines())
    for line in ("    type: custom", "          GREETING: hello", "project_name: qopssupport"):
        assert line in shown.replace("   \n", "\n")
    assert "{env: CLIENT_SECRET}" in shown
    assert "{file: ben.password}" in shown
    assert "all else is told" in files["logs/hub.log"]
    assert "next=/lab" in files["logs/hub.log"]
    assert any(line.startswith("pydantic==") for line in json.loads(files["versions.json"])[
        "packages of qhub"
    ])  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [
        CONFIG + "x: [\n",
        CONFIG.replace("  users:", "\tusers:"),
        CONFIG + "themee: 1\n",
        "",
    ],
)
def test_a_broken_configuration_is_told_without_its_secrets(here: Path, broken: str) -> None:
    (here / "qhub-config.yaml").write_text(broken)
    files = collected(here)
    assert_no_secret({name: files[name] for name in files if not name.startswith("logs/")})
    assert json.loads(files["validate.json"])
    if broken:
        assert "kubespawner_override" in files["config.yaml"]


def test_where_there_is_nothing_at_all(tmp_path: Path) -> None:
    files = collected(tmp_path)
    assert "could not be collected" in files["config.yaml"]
    assert "no such file" in files["validate.json"]


def test_of_a_long_log_the_end_is_taken(here: Path) -> None:
    (here / "local" / "logs" / "hub.log").write_text("a line\n" * 100_000 + "the end\n")
    text = collected(here, "--log-size", "10")["logs/hub.log"]
    assert 9000 < len(text) <= 10_000
    assert text.startswith("a line\n")
    assert text.endswith("the end\n")


@settings(max_examples=40, deadline=None)
@given(
    secret=st.text("abcdefghijklmnop0123456789+-_", min_size=6, max_size=20).map("Zq".__add__),
    shape=st.sampled_from(
        [
            "password: {}", "password: '{}'", 'password: "{}"', "password: [{}]",
            "password: {{x: {}}}", "password: >-\n          {}\n          {}",
            "? password\n    : {}", "password: &a {}", "password: !!str {}",
            "api_token: {}", '"password": {}',
        ]
    ),
    valid=st.booleans(),
)  # fmt: skip
def test_a_secret_in_any_shape(secret: str, shape: str, valid: bool) -> None:
    text = "security:\n  users:\n   ada:\n    " + shape.replace("{}", secret, 2).format() + "\n"
    shown = redacted(text + ("" if valid else "x: ]\n"), Redactor())
    assert secret not in shown
    assert "security:\n  users:\n" in shown


def test_what_is_no_secret_stays() -> None:
    text = "password accepted for ben; status code: 200; tokens are kept in /srv/x; a==1.0"
    assert "ben" in Redactor().clean(text)
    assert Redactor().clean("asttokens==3.0.1") == "asttokens==3.0.1"
    assert redacted(f"project_name: demo\n{SECURITY}", Redactor()).count("uid: 2000") == 2
