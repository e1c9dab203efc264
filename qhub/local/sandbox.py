"""Sandboxes of bubblewrap: what isolates people where all of their programs run as one Unix user.

A person's program sees the system, people's environments, their own home and the shared folders
that are open to them: no other home, nothing of who deployed, no other process. The network is
everybody's. `qhub.hub.account` adds what is the person's own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from qhub.hub import video_chat
from qhub.hub.account import TEMPORARY
from qhub.local import interpreter
from qhub.local.facts import Machine

PROGRAM = "bwrap"
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/etc", "/opt", "/nix", "/sys"),
)
_RESOLVER = Path("/etc/resolv.conf")


def obstacle(python: Path) -> str | None:
    """Why this machine can't have sandboxes in which a Python runs; None when it can."""
    if not shutil.which(PROGRAM):
        return f"{PROGRAM} (bubblewrap) is not installed"
    command = [*_system(python), str(python), "-I", "-c", "import ssl"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=False, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{PROGRAM} can't run: {error}"
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return f"{PROGRAM} doesn't work here: {said[-1]}"


def arguments(machine: Machine) -> list[str]:
    """The command of a sandbox without what is the person's; empty where there are none."""
    if machine.isolation != "bwrap":
        return []
    directory = machine.directory
    command = _system(machine.python, machine.deployment, directory)
    own = [directory / name for name in ("envs", "environments", "bin", "jupyter", "ssh")]
    for path in (*own, video_chat.panel(directory)):
        command += _read_only(path)
    return [*command, "--symlink", str(machine.shared), "/shared"]


def outdated(command: Sequence[str], shared: Path, folders: Mapping[Path, bool]) -> str | None:
    """Why a running sandbox is not what it would be now; None where it gives nothing too much.

    Args:
        command: the command of its first process.
        shared: where all shared folders are.
        folders: those that the person may read now, with whether they may write there.
    """
    if not command or Path(command[0]).name != PROGRAM:
        return "has a server outside a sandbox"
    for flag, path in zip(command, map(Path, command[1:]), strict=False):
        if path.parent == shared and flag.endswith("bind-try"):
            if path not in folders:
                return f"may not enter the folder of {path.name} any more"
            if flag == "--bind-try" and not folders[path]:
                return f"may not write to the folder of {path.name} any more"
    return None


def _system(python: Path, *hidden: Path) -> list[str]:
    """The system with a Python, processes and temporary files of its own; some folders are empty.

    Folders appear in the order of the arguments: what is hidden must come before what is in it.
    """
    command = [shutil.which(PROGRAM) or PROGRAM, "--unshare-pid", "--unshare-ipc"]
    for path in map(Path, _SYSTEM):
        command += _read_only(path)
    command += ["--proc", "/proc", "--dev", "/dev"]
    for card in sorted(Path("/dev").glob("nvidia*")):
        command += ["--dev-bind-try", str(card), str(card)]
    for empty in (*TEMPORARY, *map(str, hidden)):
        command += ["--tmpfs", empty]
    if not _in_system(_RESOLVER.resolve()):  # /run, as a rule
        command += _read_only(_RESOLVER.resolve())
    for prefix in sorted({*_prefixes(python)}):
        command += _read_only(prefix)
    return command


def _read_only(path: Path) -> list[str]:
    return ["--ro-bind-try", str(path), str(path)]


def _in_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _SYSTEM)


def _prefixes(python: Path) -> Iterator[Path]:
    """Where a Python that isn't the system's has its files."""
    found = interpreter.probe(python)
    for prefix in (python.parent.parent, *([found.prefix] if found else [])):
        if not _in_system(prefix) and next(prefix.glob("lib/python3*/os.py"), None):
            yield prefix
