"""The one door to py-rattler: solve an environment, keep what was found, install it.

Run as a program of its own (`python -m qhub.local.conda REQUEST PREFIX LOCK`), so that what it says
goes to the log of the environment, and a destroy finds it at work. REQUEST is a file of JSON with
`channels` and `packages`. With LOCK there already, nothing is solved: exactly that is installed.
With REQUEST alone it is only asked whether the channels have all of it.
"""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qhub.local.installer import UNREACHABLE
from qhub.local.launcher import write_launcher
from qhub.local.specs import KERNEL

if TYPE_CHECKING:
    from rattler import Channel, RepoDataRecord, Subdir


def _channels(names: Sequence[str]) -> list[Channel]:
    from rattler import Channel

    return [Channel(name) for name in names]


async def _solve(
    channels: list[Channel], packages: Sequence[str], platform: Subdir
) -> list[RepoDataRecord]:
    from rattler import Subdir, VirtualPackage, solve

    print(f"solving {', '.join(packages)}", flush=True)
    return await solve(
        channels,
        list(packages),
        platforms=[platform, Subdir("noarch")],
        virtual_packages=VirtualPackage.detect(),
    )


def _keep(
    path: Path, channels: list[Channel], platform: Subdir, records: list[RepoDataRecord]
) -> None:
    from rattler import LockFile, LockPlatform

    here = LockPlatform(str(platform))
    lock = LockFile([here])
    lock.set_channels("default", [channel.to_lock_channel() for channel in channels])
    for record in records:
        lock.add_conda_package("default", here, record)
    draft = path.with_name(f"{path.name}.new")
    lock.to_path(draft)
    draft.chmod(0o600)  # the address of a channel may hold a token
    draft.replace(path)


def _kept(path: Path) -> list[RepoDataRecord]:
    """What a lock file lists; nothing where it is not there or can't be read."""
    from rattler import LockFile

    if not path.is_file():
        return []
    try:
        environment = LockFile.from_path(path).default_environment()
    except Exception as error:  # its kinds of errors have no common name
        print(f"{path} is of no use: {error}", flush=True)
        return []
    found = environment.conda_repodata_records() if environment else {}
    return next(iter(found.values()), [])


def activation(prefix: Path, platform: Subdir) -> str:
    """What sets an environment up: its variables, and the scripts that its packages brought."""
    from rattler.shell import ActivationVariables, Shell, activate

    programs = ActivationVariables(current_path=[str(prefix / "bin")])
    return activate(prefix, programs, Shell.bash, platform).script


async def create(request: Path, prefix: Path, lock: Path) -> None:
    """Make the environment at `prefix`."""
    from rattler import Subdir, install

    wanted = json.loads(request.read_text(encoding="utf-8"))
    channels, platform = _channels(wanted["channels"]), Subdir.current()
    records = _kept(lock)
    if not records:
        records = await _solve(channels, wanted["packages"], platform)
        _keep(lock, channels, platform, records)
    print(f"installing {len(records)} packages", flush=True)
    await install(records, target_prefix=prefix, show_progress=False)
    write_launcher(prefix, activation(prefix, platform))


async def look(request: Path) -> None:
    """Solve, and leave it at that."""
    from rattler import Subdir

    wanted = json.loads(request.read_text(encoding="utf-8"))
    await _solve(_channels(wanted["channels"]), wanted["packages"], Subdir.current())


def in_words(error: BaseException, channels: Sequence[str]) -> str:
    """What went wrong, in one line."""
    said = _discreet(" ".join(str(error).split()) or type(error).__name__)
    said = said.removeprefix("Cannot solve the request because of: ")
    where = _discreet(", ".join(channels))
    if found := re.match(r"error sending request for url \((\S+)\)", said):
        cause = said.rpartition("Caused by: ")[2]
        host = urlsplit(found[1]).hostname
        return f"{UNREACHABLE} {where} can't be reached at {host}: {cause}"
    if f"No candidates were found for {KERNEL} " in f"{said} ":
        return f"it lacks `{KERNEL}`, which makes it a kernel, and {where} has none: list it in pip"
    return f"{said.rstrip('.')} (channels: {where})"


def _discreet(text: str) -> str:
    """Without the passwords and tokens that addresses of channels may hold."""
    return re.sub(r"(?<=/t/)[^/\s]+|(?<=://)[^/\s@]+(?=@)", "***", text)


def main(arguments: Sequence[str]) -> int:
    """Run the program; returns its exit code."""
    request, *places = map(Path, arguments)
    os.umask(0o022)
    try:
        asyncio.run(create(request, *places) if places else look(request))
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is missing: pip install 'qhub[local]'", flush=True)
    except Exception as error:  # rattler has a kind of error of its own for each step
        channels = json.loads(request.read_text(encoding="utf-8"))["channels"]
        print(f"error: {in_words(error, channels)}", flush=True)
    else:
        return 0
    return 1


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # rattler's threads may still be at work on a Python that is going away, and crash it.
    os._exit(code)
