"""`qhub destroy` asks a person, who has to type which deployment they mean."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from qhub.terraform import Engine

QUESTION = b"to destroy it: "


@pytest.fixture
def deployed(engine: Engine, tmp_path: Path) -> Path:
    """A folder with one stage that was applied, and made nothing."""
    del engine
    stage = tmp_path / ".qhub" / "applied" / "99-nothing"
    stage.mkdir(parents=True)
    backend = {"local": {"path": "../../.qhub/state/99-nothing.tfstate"}}
    (stage / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": backend}}))
    record = {"project_name": "demo", "namespace": "dev", "provider": "local"}
    (tmp_path / ".qhub" / "deployment.json").write_text(json.dumps(record))
    return tmp_path


def asked(folder: Path, answer: bytes, *arguments: str) -> tuple[int, bytes]:
    """The exit code, and what is said to somebody on a terminal who answers so."""
    command = [sys.executable, "-m", "qhub", "destroy", "-o", str(folder), *arguments]
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, command)  # noqa: S606
    said = b""
    while not said.endswith((QUESTION, b"]: ")):
        said += os.read(terminal, 1000)
    os.write(terminal, answer + b"\n")
    while more := _read(terminal):
        said += more
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("answer", [b"y", b"", b"dev"])
def test_another_word_than_the_projects_name_changes_nothing(deployed: Path, answer: bytes) -> None:
    code, said = asked(deployed, answer)
    assert code == 2
    assert b"that is not demo; nothing was changed" in said
    assert (deployed / ".qhub").exists()


def test_the_projects_name_destroys(deployed: Path) -> None:
    code, said = asked(deployed, b"demo")
    assert code == 0, said
    assert not (deployed / ".qhub").exists()


def test_what_keeps_peoples_files_asks_for_a_yes(deployed: Path) -> None:
    code, said = asked(deployed, b"y", "--keep-data")
    assert code == 0, said
    assert QUESTION not in said


def test_where_nobody_can_be_asked_it_says_what_to_do(deployed: Path) -> None:
    command = [sys.executable, "-m", "qhub", "destroy", "-o", str(deployed)]
    done = subprocess.run(command, capture_output=True, text=True, input="demo\n", check=False)
    assert done.returncode == 2
    assert "qhub destroy --yes" in done.stderr
    assert (deployed / ".qhub").exists()
