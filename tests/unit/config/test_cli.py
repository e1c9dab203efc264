"""The commands: what goes to stdout, what to stderr, and the exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from qhub.cli import app
from qhub.config import load
from qhub.errors import QhubError

from .support import EXAMPLE, SECURITY

WRONG = "profilse: {}\nprovider: 50%,azur\n"


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qhub-config.yaml").write_text(f"project_name: demo\n{SECURITY}")
    (tmp_path / "wrong.yaml").write_text(f"{WRONG}project_name: demo\n{SECURITY}")
    return tmp_path


def test_validate_says_that_all_is_well(folder: Path) -> None:
    result = run("validate")
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "qhub-config.yaml is valid\n",
        "",
    )


def test_validate_shows_problems_as_compilers_do(folder: Path) -> None:
    result = run("validate", "-c", "wrong.yaml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(
        "wrong.yaml:1:1: error: `profilse` is not a setting here; did you mean `profiles`?\n"
        "    1 | profilse: {}\n"
        "      | ^\n"
        "      hint: allowed here: "
    )
    assert "wrong.yaml:2:11: error: `50%,azur` is not a value of `provider`" in result.stderr
    assert result.stderr.endswith("2 problems in wrong.yaml\n")


def test_validate_as_data(folder: Path) -> None:
    result = run("validate", "-c", "wrong.yaml", "--output", "json")
    data = json.loads(result.stdout)
    assert result.exit_code == 2
    assert (data["file"], data["valid"], len(data["problems"])) == ("wrong.yaml", False, 2)
    assert data["problems"][1] == {
        "message": "`50%,azur` is not a value of `provider`; did you mean `azure`?",
        "file": "wrong.yaml",
        "line": 2,
        "column": 11,
        "key": "provider",
        "hint": "allowed: local, existing, aws, gcp, azure, do",
        "source": "provider: 50%,azur",
        "severity": "error",
    }


def test_validate_as_annotations_of_a_workflow(folder: Path) -> None:
    (folder / "a,b:c.yaml").write_text((folder / "wrong.yaml").read_text())
    result = run("validate", "-c", "a,b:c.yaml", "--output", "github")
    assert result.exit_code == 2
    first, second = result.stdout.splitlines()
    assert first.startswith("::error file=a%2Cb%3Ac.yaml,line=1,col=1::`profilse` is not a setting")
    assert "::`50%25,azur` is not a value" in second
    assert "%0Aallowed: local" in second


def test_missing_secrets_are_warnings(folder: Path) -> None:
    text = (folder / "qhub-config.yaml").read_text()
    text = re.sub(r"password: '.*?'", "password: {env: QHUB_TEST_NONE}", text, count=1)
    (folder / "qhub-config.yaml").write_text(text)
    result = run("validate")
    assert result.exit_code == 0
    assert "warning: the environment variable `QHUB_TEST_NONE` is not set" in result.stderr
    assert result.stdout == "qhub-config.yaml is valid, 1 warning\n"
    github = run("validate", "--output", "github")
    assert github.exit_code == 0
    assert github.stdout.startswith("::warning file=qhub-config.yaml,line=4,col=")


@pytest.mark.parametrize("name", ["nothing.yaml", "."])
@pytest.mark.parametrize("output", ["text", "json", "github"])
def test_validate_without_a_file(folder: Path, name: str, output: str) -> None:
    result = run("validate", "-c", name, "--output", output)
    assert result.exit_code == 2
    assert name in result.stdout + result.stderr


def test_schema(folder: Path) -> None:
    result = run("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["additionalProperties"] is False


def test_hash_password() -> None:
    result = run("hash-password", "--stdin", stdin="hunter2\n")
    assert PasswordHasher().verify(result.stdout.strip(), "hunter2")


@pytest.mark.parametrize("arguments", [["--stdin"], []])
def test_hash_password_without_a_password(arguments: list[str]) -> None:
    result = run("hash-password", *arguments, stdin="\n")
    assert isinstance(result.exception, QhubError)
    assert result.exception.exit_code == 2


def test_init_writes_a_file_that_validates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("init")
    assert result.exit_code == 0
    assert re.fullmatch(r"user: admin\npassword: [a-z0-9-]{19}   \(.*\)\n", result.stdout)
    assert "wrote qhub-config.yaml" in result.stderr
    assert run("validate").exit_code == 0
    again = run("init")
    assert isinstance(again.exception, QhubError)
    assert "exists already" in str(again.exception)
    assert run("init", "--force").exit_code == 0


def test_init_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "staging" / "hub.yaml"
    result = run(
        "init", "local", "-c", path, "--admin", "ann", "--port", 8123, "--output", "json",
        "--password-file", tmp_path / "password",
    )  # fmt: skip
    data = json.loads(result.stdout)
    assert data == {"path": str(path), "user": "ann", "password": data["password"]}
    assert (tmp_path / "password").read_text().strip() == data["password"]
    assert load(path).local.port == 8123


def test_init_can_be_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("init", "gcp", "--domain", "hub.example.org", "--cloud-project", "my-project",
                 "--region", "europe-west1", "--dry-run")  # fmt: skip
    assert "region: europe-west1" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_init_asks_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    here, there = pty.openpty()
    program = [sys.executable, "-m", "qhub", "init", "aws", "-c", str(path)]
    with subprocess.Popen(program, stdin=there, stdout=there, stderr=there) as process:
        os.close(there)
        said = b""
        for answer in ("team", "hub.example.org", "", "ann"):
            while not said.rstrip().endswith(b":"):
                said += os.read(here, 1000)
            said = b""
            os.write(here, f"{answer}\n".encode())
            os.read(here, len(answer) + 2)  # the echo
        while chunk := _rest(here):
            said += chunk
    config = load(path)
    assert (process.returncode, config.project_name, config.domain) == (
        0,
        "team",
        "hub.example.org",
    )
    assert config.amazon_web_services is not None
    assert config.amazon_web_services.region == "us-west-2"
    assert b"user: ann" in said
    os.close(here)


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_the_example_by_the_command() -> None:
    assert run("validate", "-c", EXAMPLE).exit_code == 0
