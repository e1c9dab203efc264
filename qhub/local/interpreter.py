"""Which Python the services run on.

Where each person is a Unix user of their own, they all have to reach it: a Python under a home
that only its owner may enter (pyenv under /root, say) doesn't do, and another one is taken.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)
_PROBE = (
    "import json, ssl, sqlite3, sys; "
    "print(json.dumps([list(sys.version_info[:2]), sys.base_prefix, sys._base_executable]))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that works: its path, version and the folder of its standard library."""

    path: Path
    version: tuple[int, int]
    prefix: Path


def closed_folder(path: Path) -> Path | None:
    """The first folder or file on the way to `path` that other users can't enter or read."""
    for step in (*reversed(path.parents), path):
        try:
            mode = step.stat().st_mode
        except OSError:
            return step
        needed = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH | stat.S_IXOTH
        if mode & needed != needed:
            return step
    return None


def reachable(path: Path) -> bool:
    """Whether every user of this machine can run this program."""
    return closed_folder(path) is None and closed_folder(path.resolve()) is None


def probe(path: Path) -> Interpreter | None:
    """Ask a Python for its version; None when it doesn't run or lacks ssl or sqlite3."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version, prefix, executable = json.loads(answer)
    return Interpreter(Path(executable), (version[0], version[1]), Path(prefix))


def _candidates() -> Iterator[Path]:
    yield own().path
    names = ["python3", "python3.13", "python3.12", "python3.11"]
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/bin", "/usr/bin"]
    seen: set[Path] = set()
    for folder in dict.fromkeys(folders):
        for name in names:
            path = shutil.which(name, path=folder)
            if path and (real := Path(path).resolve()) not in seen:
                seen.add(real)
                yield Path(path)


def own() -> Interpreter:
    """The Python that qhub itself runs on, without its virtual environment."""
    executable = Path(getattr(sys, "_base_executable", sys.executable))
    return Interpreter(executable, sys.version_info[:2], Path(sys.base_prefix))


def find_reachable() -> Interpreter | None:
    """The first Python, new enough, that every user of this machine can run."""
    for path in _candidates():
        if not reachable(path):
            continue
        found = probe(path)
        if found is None or found.version < OLDEST:
            continue
        if reachable(found.path) and closed_folder(found.prefix / "lib") is None:
            return found
    return None
