"""conda-store as far as it needs none: who may what, what the hub is told, what is listed."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qhub.config import load
from qhub.errors import PreflightError
from qhub.hub import dask_service, namespaces
from qhub.hub.conda_store import kernels, rights, service, stores, told
from qhub.hub.conda_store.places import within
from qhub.local import conda_store_environment
from qhub.stages import select
from qhub.stages.conda_store_server import LocalCondaStoreServer, conda_store_settings
from qhub.stages.jupyterhub import hub_settings
from tests.unit.config.support import parse

FILE = """
project_name: demo
security:
  groups: {admin: {gid: 20000}, crew: {gid: 20001}}
  users:
    ada: {uid: 21000, primary_group: admin, password: {env: ADA}}
    ben: {uid: 21001, primary_group: crew, password: {env: BEN}}
"""
ENABLED = "conda_store: {enabled: true, channels: [./nothing]}\n"
EVERYBODYS = {"global/*": ["viewer"]}


def test_what_people_may() -> None:
    groups = ["crew", "cooks"]
    assert rights.of_person("ben", ["crew"], groups, "global", admin=False) == EVERYBODYS | {
        "ben/*": ["admin"],
        "crew/*": ["developer"],
    }
    assert rights.of_person("ada", ["crew"], groups, "global", admin=True) == {"*/*": ["admin"]}


def test_the_namespace_of_a_group_is_nobodys_own_who_bears_its_name() -> None:
    found = rights.of_person("cooks", ["crew"], ["crew", "cooks"], "global", admin=False)
    assert "cooks/*" not in found
    assert namespaces.of_person("cooks", ["crew"], ["crew", "cooks"], "global") == [
        "global",
        "crew",
    ]


@pytest.mark.parametrize(
    ("asked", "good"),
    [
        ({}, True),
        ({"crew/*": ["developer"]}, True),
        ({"crew/*": ["viewer"], "ben/*": ["admin"]}, True),
        ({"crew/one": ["developer"]}, True),
        ({"crew/*": ["admin"]}, False),
        ({"cooks/*": ["viewer"]}, False),
        ({"*/*": ["viewer"]}, False),
        ({"cre*/*": ["viewer"]}, False),
        ({"ben/*": ["emperor"]}, False),
    ],
)
def test_a_token_that_says_more_than_its_person_may_is_none(
    asked: dict[str, list[str]], good: bool
) -> None:
    may = rights.of_person("ben", ["crew"], ["crew", "cooks"], "global", admin=False)
    assert rights.allows(may, asked) is good


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        ("/conda-store/ui/a?b=c", "/conda-store/ui/a?b=c"),
        ("https://elsewhere.example/conda-store/ui/", "/conda-store/ui/"),
        ("//elsewhere.example/", "/conda-store/"),
        ('/conda-store/"><script>', "/conda-store/%22%3E%3Cscript%3E"),
        ('");alert(1)//', "/conda-store/"),
        ("javascript:alert(1)", "/conda-store/"),
        ("/user/mallory/", "/conda-store/"),
        ("", "/conda-store/"),
    ],
)
def test_a_login_leads_nowhere_else(asked: str, leads: str) -> None:
    assert within(asked) == leads


def build(namespace: Path, name: str, *, kernel: bool = True) -> Path:
    prefix = namespace / f"0123-{name}"
    packages = prefix / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    if kernel:
        (packages / "ipykernel_launcher.py").touch()
    (namespace / "envs").mkdir(exist_ok=True)
    (namespace / "envs" / name).symlink_to(prefix)
    return prefix


def test_what_was_built_is_a_kernel(tmp_path: Path) -> None:
    store, lock = tmp_path / "store", tmp_path / "lock"
    crew, other = store / "crew", store / "other"
    crew.mkdir(parents=True)
    other.mkdir()
    prefix = build(crew, "Tools+1")
    build(crew, "without", kernel=False)
    (prefix / "etc" / "conda" / "activate.d").mkdir(parents=True)
    (prefix / "etc/conda/activate.d/a.sh").write_text('export TOOLS="$CONDA_PREFIX/my tools"\n')
    (crew / "envs" / "foreign").symlink_to(build(other, "theirs"))
    kernels.publish([crew, other], lock)
    listed = crew / "jupyter" / "kernels"
    assert [path.name for path in listed.iterdir()] == ["crew-tools_1"], "others' are others'"
    description = json.loads((listed / "crew-tools_1" / "kernel.json").read_text())
    assert description["display_name"] == "Tools+1 (crew)"
    assert namespaces.launcher("", "crew", "Tools+1").parent.name == "crew-tools_1"
    assert description["env"] == {}, "Dask-Gateway is not in it"
    run = description["argv"][0]
    said = subprocess.check_output([run, "/bin/sh", "-c", 'echo "$TOOLS"'], text=True)
    assert said.strip() == f"{prefix}/my tools"
    assert Path(run).stat().st_mode & 0o777 == 0o755
    preload = prefix / "lib/python3.12/site-packages/dask_gateway/scheduler_preload.py"
    for path in (preload, prefix / "bin/dask"):
        path.parent.mkdir()
        path.touch()
    kernels.publish([crew], lock, dask=True)
    description = json.loads((listed / "crew-tools_1" / "kernel.json").read_text())
    assert description["env"] == {kernels.DASK_OPTION: "'crew/Tools+1'"}
    (crew / "envs" / "Tools+1").unlink()
    kernels.publish([crew, other], lock)
    assert not list(listed.iterdir())


def test_the_hub_lets_everybody_log_in_there() -> None:
    c: Any = SimpleNamespace(JupyterHub=SimpleNamespace(services=[], load_roles=[]))
    c.JupyterHub.load_roles = dask_service.ROLES
    service.configure(c, {"conda-store": "token"})
    [found] = c.JupyterHub.services
    assert found["oauth_redirect_uri"] == "/conda-store/oauth_callback/"
    scopes = {role["name"]: role["scopes"] for role in c.JupyterHub.load_roles}
    assert "access:services!service=conda-store" in scopes["user"]
    assert "access:services!service=conda-store" not in scopes["server"]
    assert all("conda-store" not in str(role) for role in dask_service.ROLES)


def test_the_file_says_whether_it_is_there() -> None:
    without, beside = parse(FILE), parse(FILE + ENABLED)
    assert not [s for s in select(without) if isinstance(s, LocalCondaStoreServer)]
    assert [s for s in select(beside) if isinstance(s, LocalCondaStoreServer)]
    assert hub_settings(without).conda_store is None
    assert hub_settings(beside).conda_store == "global"
    settings = conda_store_settings(beside)
    assert settings.channels == ["./nothing"]
    assert {name: user.admin for name, user in settings.users.items()} == {
        "ada": True,
        "ben": False,
    }


def test_a_channel_that_lacks_conda_is_refused_before_anything_changes(tmp_path: Path) -> None:
    (tmp_path / "qhub-config.yaml").write_text(FILE + ENABLED)
    config = load(tmp_path / "qhub-config.yaml")
    with pytest.raises(PreflightError) as refused:
        LocalCondaStoreServer().preflight(config, tmp_path)
    assert str(tmp_path / "nothing") in refused.value.message
    assert "Traceback" not in refused.value.message
    assert "conda_store.channels" in (refused.value.hint or "")
    assert {path.name for path in tmp_path.iterdir()} == {"qhub-config.yaml"}


def test_a_channel_that_can_t_be_reached_is_named_with_the_cause(tmp_path: Path) -> None:
    requirements = LocalCondaStoreServer().templates / "requirements.txt"
    channel = "http://127.0.0.1:9/team"
    with pytest.raises(PreflightError, match=r"127\.0\.0\.1") as refused:
        conda_store_environment.preflight(None, tmp_path, [channel], requirements)
    assert "can't be reached" in refused.value.message
    assert "Nothing was changed" in (refused.value.hint or "")


def test_secrets_may_lie_apart_from_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / name for name in ("settings.json", "secrets.json")]
    files[0].write_text(json.dumps({"state": "/s", "hub": {"api": "a"}, "people": {}}))
    files[1].write_text(json.dumps({"queue": "q", "hub": {"token": "t"}, "people": {"ada": {}}}))
    monkeypatch.setenv("QHUB_SETTINGS", ":".join(map(str, files)))
    assert told.settings() == {
        "state": "/s",
        "queue": "q",
        "hub": {"api": "a", "token": "t"},
        "people": {"ada": {}},
    }


def test_database_and_queue_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stores.wait({})  # where both are files
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        there = {"database": f"postgresql+psycopg2://a:b@127.0.0.1:{port}/c"}
        stores.wait(there)
    monkeypatch.setattr(stores, "WAIT_SECONDS", 0)
    with pytest.raises(OSError, match="refused"):
        stores.wait(there)
