"""The command line: help, exit codes, and errors that people can act on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = [
    "init",
    "validate",
    "render",
    "deploy",
    "status",
    "logs",
    "mirror",
    "kubeconfig",
    "backup",
    "restore",
    "destroy",
    "doctor",
    "support",
    "schema",
    "hash-password",
    "ssh-config",
    "user",
]
SUBCOMMANDS = [
    *(f"user {name}" for name in ("add", "list", "passwd", "remove", "token")),
    "mirror pull",
]
GOOD = """\
project_name: demo
security:
  groups:
    admin: {gid: 20000}
  users:
    ada:
      uid: 20001
      primary_group: admin
      password: $argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b3dWRWJTmaaJObG
"""


def qhub(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qhub", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "qhub-config.yaml").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("command", [*COMMANDS, *SUBCOMMANDS])
def test_every_command_has_help_and_is_in_the_readme(command: str) -> None:
    done = qhub(*command.split(), "--help")
    assert done.returncode == 0
    assert re.search(r"Usage: .*\n\n +\w", done.stdout)
    assert f"`qhub {command}" in (ROOT / "README.md").read_text()


def test_help_lists_every_command() -> None:
    listed = re.findall(r"^  ([a-z][a-z-]+)  +\w", qhub("--help").stdout, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["deploy", "--nonsense"],
        ["deploy", "--exit-code"],
        ["deploy", "--yes", "--only", "jupyterhbu"],
        ["deploy", "--yes", "--only", "05", "--from", "02"],
        ["deploy", "--parallelism", "0"],
        ["deploy"],
        ["logs", "nothing"],
        ["validate", "-c", "no/such/file"],
        ["render", "-c", "no/such/file"],
        ["status", "-c", "no/such/file"],
        ["deploy", "-y", "-o", "/dev/null/x"],
    ],
)
def test_bad_usage_ends_with_2_and_no_traceback(arguments: list[str], here: Path) -> None:
    done = qhub(*arguments, cwd=here)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_deploy_without_a_terminal_asks_for_yes(here: Path) -> None:
    assert "--yes" in qhub("deploy", cwd=here).stderr


def test_dry_run_and_render(here: Path) -> None:
    listed = qhub("deploy", "--dry-run", cwd=here)
    assert "stages: 02-infrastructure, 05-jupyterhub" in listed.stdout
    assert not (here / "stages").exists()
    written = json.loads(qhub("render", "--output", "json", cwd=here).stdout)
    assert "stages/05-jupyterhub/terraform.tfvars.json" in written["created"]
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    again = json.loads(qhub("render", "--output", "json", cwd=here).stdout)
    assert again == {"created": [], "updated": [], "deleted": []}
    assert before == {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    private = here / "stages" / "05-jupyterhub" / "terraform.tfvars.json"
    assert private.stat().st_mode & 0o777 == 0o600


def test_render_replaces_what_it_wrote_and_leaves_the_rest(here: Path) -> None:
    qhub("render", cwd=here)
    stage = here / "stages" / "02-infrastructure"
    (stage / "stale.tf").write_text("")
    (stage / "main_override.tf").write_text("")
    (here / "stages" / "mine").mkdir()
    (stage / "main.tf").write_text("changed")
    written = json.loads(qhub("render", "--output", "json", cwd=here).stdout)
    assert written["deleted"] == ["stages/02-infrastructure/stale.tf"]
    assert written["updated"] == ["stages/02-infrastructure/main.tf"]
    assert (stage / "main_override.tf").exists()
    assert (here / "stages" / "mine").exists()


def test_render_elsewhere(here: Path, tmp_path: Path) -> None:
    done = qhub("render", "-o", "staging", cwd=here)
    assert done.returncode == 0
    assert (here / "staging" / "stages" / "02-infrastructure" / "main.tf").exists()
    assert not (here / "stages").exists()


def test_nothing_deployed(here: Path) -> None:
    shown = qhub("status", "--output", "json", cwd=here)
    assert shown.returncode == 1
    assert {stage["state"] for stage in json.loads(shown.stdout)["stages"]} == {"absent"}
    gone = qhub("destroy", "--yes", cwd=here)
    assert gone.returncode == 0
    assert "nothing is deployed" in gone.stderr
    assert not (here / ".qhub").exists()


def test_colour_is_for_terminals(here: Path) -> None:
    assert "\x1b" not in qhub("validate", "-c", "no/such", cwd=here, FORCE_COLOR="").stderr


def test_an_engine_that_does_not_run_is_said_plainly(here: Path) -> None:
    done = qhub("deploy", "--plan", cwd=here, QHUB_TERRAFORM="/no/such/terraform")
    assert done.returncode == 1
    assert "/no/such/terraform: does not run" in done.stderr
    assert "Traceback" not in done.stderr
