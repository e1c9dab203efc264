"""`qhub user`: what goes to stdout, what to stderr, what ends up in the file."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from qhub.cli import app
from qhub.cli.user.token import lifetime
from qhub.config import load
from qhub.errors import QhubError, UsageError

from .config.support import SECURITY

FILE = f"project_name: demo   # ours\n{SECURITY}"


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["user", *map(str, arguments)], input=stdin)


def hash_of(name: str, path: str = "qhub-config.yaml") -> str:
    password = load(Path(path)).security.users[name].password
    assert isinstance(password, str)
    return password


def rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # Linux says so when the other end is closed
        return b""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qhub-config.yaml").write_text(FILE)
    return tmp_path


def test_a_made_up_password_is_shown_once(folder: Path) -> None:
    result = run("add", "carl", "-g", "users")
    assert result.exit_code == 0, result.output
    user, password = result.stdout.splitlines()
    assert user == "user: carl"
    text = password.split()[1]
    assert PasswordHasher().verify(hash_of("carl"), text)
    assert text not in (folder / "qhub-config.yaml").read_text()
    assert "groups users" in result.stderr
    assert result.stderr.endswith("next: qhub deploy\n")
    assert (folder / "qhub-config.yaml").read_text().startswith(FILE.partition("  groups")[0])


def test_a_password_from_standard_input_is_not_shown() -> None:
    result = run("add", "carl", "--password-stdin", stdin="hunter2\n")
    assert "hunter2" not in result.output
    assert PasswordHasher().verify(hash_of("carl"), "hunter2")
    assert run("passwd", "carl", "--password-stdin", stdin="other\n").exit_code == 0
    assert PasswordHasher().verify(hash_of("carl"), "other")


def test_a_password_in_a_file_is_for_its_owner_alone(folder: Path) -> None:
    result = run("add", "carl", "--password-file", folder / "secret")
    secret = (folder / "secret").read_text().strip()
    assert secret not in result.output
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600
    assert PasswordHasher().verify(hash_of("carl"), secret)


def test_a_password_is_typed_hidden_and_twice(folder: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "qhub", "user", "passwd", "alice"])  # noqa: S606
    said = b""
    for question in (b"Password: ", b"Repeat for confirmation: "):
        while not said.endswith(question):
            said += os.read(terminal, 1000)
        os.write(terminal, b"hunter2\n")
        said += os.read(terminal, 1)
    while chunk := rest(terminal):
        said += chunk
    assert os.waitpid(pid, 0)[1] == 0, said
    assert b"hunter2" not in said
    assert PasswordHasher().verify(hash_of("alice"), "hunter2")


def test_as_data() -> None:
    made = json.loads(run("add", "carl", "--create-group", "-g", "new", "--output", "json").stdout)
    assert made["name"] == "carl"
    assert made["primary_group"] == "new"
    assert PasswordHasher().verify(hash_of("carl"), made["password"])
    listed = json.loads(run("list", "--output", "json").stdout)
    assert listed[0] == {
        "name": "alice", "uid": 20001, "groups": ["admin", "users"], "admin": True, "online": None
    }  # fmt: skip
    assert [person["name"] for person in listed] == ["alice", "bob", "carl"]


def test_list() -> None:
    assert run("list").stdout == (
        "NAME   UID    ADMIN  ONLINE  GROUPS\n"
        "alice  20001  yes    ?       admin, users\n"
        "bob    20002  no     ?       users\n"
    )


def test_removing_says_what_comes_of_it(folder: Path) -> None:
    result = run("remove", "bob")
    assert "their home stays" in result.stderr
    assert "nobody administers" not in result.stderr
    assert list(load(folder / "qhub-config.yaml").security.users) == ["alice"]
    assert "nobody administers" in run("remove", "alice").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "alice"], "qhub-config.yaml:4:5: there is a user `alice` already"),
        (["passwd", "alic"], "there is no user `alic` in qhub-config.yaml; did you mean `alice`?"),
        (["remove", "zoe"], "there is no user `zoe`"),
        (["add", "zoe", "-g", "user"], "there is no group `user`; did you mean `users`?"),
        (["add", "zoe", "--password-stdin", "--generate"], "--password-stdin takes a password"),
    ],
)
def test_mistakes_are_said_plainly(arguments: list[str], said: str, folder: Path) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, QhubError)
    assert result.exception.exit_code == 2
    assert said in result.exception.message
    assert result.exception.hint
    assert (folder / "qhub-config.yaml").read_text() == FILE


def test_a_password_that_is_elsewhere(folder: Path) -> None:
    path = folder / "qhub-config.yaml"
    text = FILE.split("password: '")[0] + "password: {file: alice.password}}\n"
    path.write_text(text + FILE.split("\n", 4)[4])
    assert run("passwd", "alice", "--password-stdin", stdin="hunter2\n").exit_code == 0
    assert (folder / "alice.password").read_text() == "hunter2\n"
    assert (folder / "alice.password").stat().st_mode & 0o777 == 0o600
    shown = run("passwd", "alice", "--generate").stdout
    assert (folder / "alice.password").read_text().strip() in shown
    assert "hash" not in shown, "the file holds the password itself"
    path.write_text(path.read_text().replace("{file: alice.password}", "{env: ALICE}"))
    result = run("passwd", "alice", "--generate")
    assert isinstance(result.exception, QhubError)
    assert "environment variable ALICE" in result.exception.message


def test_without_passwords_none_is_asked_for(folder: Path) -> None:
    secret = "client_secret: {env: S}"
    kind = f"  authentication: {{type: GitHub, config: {{client_id: x, {secret}}}}}\n"
    path = folder / "qhub-config.yaml"
    path.write_text(FILE.replace("security:\n", f"security:\n{kind}"))
    result = run("add", "carl")
    assert result.stdout == "user: carl\n"
    assert load(path).security.users["carl"].password is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("never", None)]
)
def test_lifetimes(text: str, seconds: int | None) -> None:
    assert lifetime(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "0d", "-1d", "1.5h", "d", "9999999d", "101y"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(UsageError, match="--expires can't be"):
        lifetime(text)


def test_no_token_where_nothing_is_deployed() -> None:
    result = run("token", "alice")
    assert isinstance(result.exception, QhubError)
    assert "nothing is deployed" in result.exception.message
