"""Who may read and write what a deployment made: every file, by one table."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import psutil

from qhub.local import owned
from tests.local.deployment import Deployment

# Where, whose (`us`: who deployed, `NAME`: the person that the path names), and the most that a
# folder and a file may allow. The first line that matches counts; what none names is private.
UNIX = """
.                           us      755   -
homes                       us      755   -
homes/NAME                  NAME    700   -
homes/NAME/*                NAME    777   777
run                         us      755   -
run/NAME                    NAME    1700  -
run/NAME/*                  NAME    1770  770
shared                      us      755   -
shared/*/*                  person  2770  660
shared/*                    us      2770  -
bin*                        us      755   755
jupyter*                    us      755   644
envs*                       us      755   755
environments*               us      755   755
dask                        us      711   -
dask/*/.certs/*             person  -     600
dask/*/scratch*             person  770   770
dask/*                      us      711   -
hub*                        us      700   644
logs*                       us      700   644
*                           us      700   600
"""
NONE = """
.                           us      700   -
homes/NAME/*                us      777   777
shared/*/*                  us      2770  660
run/NAME/*                  us      1770  770
dask/*/scratch*             us      770   770
bin*                        us      700   755
jupyter*                    us      700   644
envs*                       us      755   755
environments*               us      755   755
hub*                        us      700   644
logs*                       us      700   644
*                           us      1700  600
"""
# Beside the configuration. What is not under `.qhub` people commit and read; `local`, where an
# ordinary user's deployment lives, has the table above.
BESIDE = """
.                           us      755   -
qhub-config.yaml            us      -     644
qhub-config.schema.json     us      -     644
stages/*/terraform.tfvars*  us      -     600
stages*                     us      755   644
local                       us      700   -
local/*                     us      7777  7777
.qhub                       us      700   -
.qhub/logs/*                us      -     600
.qhub/applied/*.tfvars.json us      -     600
.qhub/machine.json          us      -     600
.qhub/*                     us      755   644
"""


def _walk(folder: Path) -> Iterator[Path]:
    yield folder
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def problems(top: Path, table: str, us: int, people: dict[str, int]) -> list[str]:
    """What is not as the table says, in words."""
    rules = [line.split() for line in table.split("\n") if line]
    found = []
    for path in _walk(top):
        status, name = path.lstat(), str(path.relative_to(top))
        person = next((p for p in people if re.match(rf"(homes|run)/{p}(/|$)", name)), None)
        shown = name.replace(f"/{person}", "/NAME", 1) if person else name
        rule = next((rule for rule in rules if fnmatchcase(shown, rule[0])), None)
        if rule is None:
            found.append(f"{name} is in no line of the table")
            continue
        _, whose, folder, file = rule
        owners = {us} if whose == "us" else {people[person]} if person else {*people.values()}
        if status.st_uid not in owners:
            found.append(f"{name} is of {status.st_uid}, not of {whose}")
        most = folder if stat.S_ISDIR(status.st_mode) else file
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            continue
        if most == "-" or mode & ~int(most, 8):
            found.append(f"{name} has mode {mode:o}, which is more than {most}")
    return found


def _people(hub: Deployment) -> dict[str, int]:
    return {name: user["uid"] for name, user in hub.settings["users"].items()}


def test_every_file_has_its_owner_and_mode(hub: Deployment) -> None:
    for name in ("alice", "ben"):
        person = hub.person(name)
        person.start()
        person.enter()
        assert person.run(f"open('shared/sailors/{name}', 'w').write('y')")
    us = hub.machine.directory.stat().st_uid
    table, people = (UNIX, _people(hub)) if hub.unix else (NONE, dict.fromkeys(_people(hub), us))
    assert problems(hub.machine.directory, table, us, people) == []


def test_private_things_are_private(hub: Deployment) -> None:
    machine = hub.machine
    for folder in (machine.private, machine.logs, machine.supervisor, machine.hub, machine.sockets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_homes_and_shared_folders_have_their_modes(hub: Deployment) -> None:
    machine = hub.machine
    for name in ("alice", "ben"):
        assert stat.S_IMODE((machine.homes / name).stat().st_mode) == 0o700
    for name in ("sailors", "captains"):
        folder = (machine.shared / name).stat()
        assert stat.S_IMODE(folder.st_mode) == (0o2770 if hub.unix else 0o700)
        if hub.unix:
            assert (folder.st_uid, folder.st_gid) == (0, hub.settings["groups"][name]["gid"])


def test_no_secret_is_on_a_command_line_and_nothing_of_the_shell_goes_along(
    hub: Deployment,
) -> None:
    hub.person("ben").start()
    tokens = [path.read_text().strip() for path in hub.machine.private.glob("token-*")]
    assert len(tokens) >= 4
    for process in owned.processes(hub.machine):
        try:
            line = " ".join(process.cmdline())
            environment = process.environ()
        except psutil.Error:
            continue
        tokens_here = [*tokens, environment.get("JUPYTERHUB_API_TOKEN") or tokens[0]]
        assert not any(token in line for token in tokens_here), line
        assert "PIP_CERT" not in environment
