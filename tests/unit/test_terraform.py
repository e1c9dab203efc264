"""Finding an engine, and reading what Terraform says."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qhub.errors import EngineError
from qhub.terraform.engine import find_engine
from qhub.terraform.events import Changes, parse
from qhub.terraform.lock import began_and_died, begin, met, presence, was_kept_out
from qhub.terraform.module import _hcl


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def version(number: str) -> str:
    return f"echo '{json.dumps({'terraform_version': number})}'"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH, without the embedded engine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("QHUB_TERRAFORM", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return tmp_path


def test_terraform_on_path(path: Path) -> None:
    program(path, "terraform", version("1.11.4"))
    engine = find_engine()
    assert (engine.product, engine.version) == ("Terraform", "1.11.4")


def test_one_that_is_too_old_is_passed_over(path: Path) -> None:
    program(path, "terraform", version("1.3.9"))
    program(path, "tofu", version("1.10.0"))
    assert find_engine().product == "OpenTofu"


def test_none_usable_says_what_was_tried(path: Path) -> None:
    program(path, "terraform", version("1.3.9"))
    program(path, "tofu", "exit 3")
    with pytest.raises(EngineError) as caught:
        find_engine()
    assert "needs 1.6 or newer, below 2.0" in caught.value.message
    assert "is Terraform 1.3.9" in caught.value.message
    assert "exit code 3" in caught.value.message


@pytest.mark.parametrize("script", [version("2.0.0"), "echo hello", "exit 1"])
def test_a_configured_engine_is_taken_at_its_word(
    path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "terraform", version("1.11.4"))
    monkeypatch.setenv("QHUB_TERRAFORM", str(program(path, "mine", script)))
    with pytest.raises(EngineError, match="mine"):
        find_engine()


def test_pre_releases_count(path: Path) -> None:
    program(path, "terraform", version("1.14.0-beta2"))
    assert find_engine().version == "1.14.0-beta2"


def test_events() -> None:
    planned = {"@message": "x", "type": "planned_change", "change": {"action": "replace"}}
    assert parse(json.dumps(planned)).action == "replace"
    told = {
        "@message": "f (local-exec): hello",
        "type": "provision_progress",
        "hook": {"resource": {"addr": "terraform_data.f"}, "output": "hello"},
    }
    assert parse(json.dumps(told)).message == "hello"
    assert parse(json.dumps(told)).address == "terraform_data.f"
    failed = {
        "@message": "Error: no",
        "type": "diagnostic",
        "diagnostic": {"severity": "error", "summary": "no", "detail": "why"},
    }
    assert parse(json.dumps(failed)).is_error
    assert parse(json.dumps(failed)).detail == "why"
    for line in ("plain words", "[1]", "{}", '{"@message": "m", "change": null}', ""):
        assert not parse(line).is_error


def test_changes_are_counted_and_told() -> None:
    changes = Changes().plus("create").plus("create").plus("replace").plus("noop")
    assert str(changes) == "2 to create, 1 to replace"
    assert changes.done == "2 created, 1 replaced"
    assert Changes(delete=1).done == "1 deleted"
    assert Changes(update=1).done == "1 updated"
    assert Changes(repair=2).done == "2 repaired"
    assert Changes(repair=2)
    assert not Changes()
    assert str(Changes()) == Changes().done == "no changes"


def test_values_for_terraform() -> None:
    assert _hcl("as ${it} is") == "as ${it} is"
    assert json.loads(_hcl({"a": ["ü", None, 1]})) == {"a": ["ü", None, 1]}
    assert _hcl({"a": "${b} %{c}"}) == '{"a": "$${b} %%{c}"}'


LOCKED = """\
Error message: the state is already locked by another terraform client
Lock Info:
  ID:        4f6e0f2b-0a3c-1b2d-9a3d-5f0c1b2d3e4f
  Path:
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-11-26 01:20:41.123456789 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state."""


def test_a_lock_is_told_by_who_has_it() -> None:
    found = met(f"Error acquiring the state lock\n{LOCKED}")
    assert found
    assert found.identity == "4f6e0f2b-0a3c-1b2d-9a3d-5f0c1b2d3e4f"
    assert found.who == "ada@laptop"
    assert datetime.fromtimestamp(found.since, UTC).isoformat()[:19] == "2026-11-26T01:20:41"
    framed = met("\n".join(f"│ {line}" for line in LOCKED.splitlines()))  # as `init` tells it
    assert framed
    assert framed.identity == found.identity
    unknown = met("Error acquiring the state lock\nno more is known")
    assert unknown
    assert (unknown.identity, unknown.since) == ("", 0)
    assert met(LOCKED.partition("\n")[2]) is None


def test_a_lock_of_one_who_began_here_is_left_once_they_died(tmp_path: Path) -> None:
    file = tmp_path / "presence"
    assert begin(file) == 0
    taken = file.stat().st_mtime + 0.1
    with presence(file) as held:
        sleeper = subprocess.Popen(["sleep", "60"], pass_fds=[held])
    assert not began_and_died(file, taken)  # qhub is gone, and what it began is at work
    sleeper.kill()
    sleeper.wait()
    assert began_and_died(file, taken)
    assert not began_and_died(file, taken - 60)  # somebody else's, from before


def test_who_was_kept_out_took_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "presence"
    begin(file)
    taken = file.stat().st_mtime + 0.01
    time.sleep(0.05)
    before = begin(file)
    assert not began_and_died(file, taken)
    was_kept_out(file, before)
    assert began_and_died(file, taken)
