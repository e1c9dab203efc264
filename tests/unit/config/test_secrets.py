"""References to secrets: resolved when something is deployed, missed with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.config import SecretRef, load, missing_secrets
from qhub.errors import MissingSecret

TEXT = """\
project_name: demo
security:
  authentication:
    type: GitHub
    config:
      client_id: a
      client_secret: {env: QHUB_TEST_SECRET}
  users:
    alice: {uid: 2000, primary_group: g, password: {file: alice.password}}
  groups: {g: {gid: 2000}}
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("QHUB_TEST_SECRET", raising=False)
    (tmp_path / "f.yaml").write_text(TEXT)
    monkeypatch.chdir("/")
    return tmp_path / "f.yaml"


def test_what_is_missing_is_said_with_its_place(path: Path) -> None:
    variable, file = missing_secrets(load(path))
    assert variable.message == "the environment variable `QHUB_TEST_SECRET` is not set"
    assert (variable.line, variable.column, variable.severity) == (7, 22, "warning")
    assert variable.key == "security.authentication.config.client_secret"
    assert f"`{path.parent}/alice.password` can't be read: No such file" in file.message
    assert (file.line, file.column) == (9, 52)


def test_what_is_there_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QHUB_TEST_SECRET", "abc")
    (path.parent / "alice.password").write_text("hunter2\n")
    config = load(path)
    assert missing_secrets(config) == []
    password = config.security.users["alice"].password
    assert isinstance(password, SecretRef)
    assert password.resolve() == "hunter2"
    assert password.file == str(path.parent / "alice.password")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff"])
def test_files_without_a_secret(path: Path, content: bytes) -> None:
    (path.parent / "alice.password").write_bytes(content)
    assert len(missing_secrets(load(path))) == 2


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(MissingSecret, match="can't be read"):
        SecretRef(file=str(tmp_path)).resolve()


def test_an_empty_variable_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QHUB_TEST_SECRET", "")
    with pytest.raises(MissingSecret, match="is not set"):
        SecretRef(env="QHUB_TEST_SECRET").resolve()


def test_secrets_of_a_custom_authenticator_are_found(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "project_name: demo\nsecurity:\n  authentication:\n    type: custom\n"
        "    authentication_class: a.B\n    config: {secret: {env: QHUB_TEST_NO}, other: {x: 1}}\n"
    )
    [problem] = missing_secrets(load(path))
    assert problem.key == "security.authentication.config.secret"


def test_no_secret_is_looked_up_by_loading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: SecretRef) -> str:
        raise AssertionError("looked up")

    monkeypatch.setattr(SecretRef, "resolve", refuse)
    assert load(path)
