"""How large logs get: `SIZE` bytes each, with `BACKUPS` earlier parts beside it, `.1` the last.

The supervisor keeps to that for its programs. What runs for people writes to logs of their own, so
that it needn't end with a service; those are looked at while it runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

SIZE = 10_000_000
BACKUPS = 3


def of_person(directory: str, kind: str, name: str) -> Path:
    """The log of all that runs for a person: `servers` or `dask`."""
    return Path(directory, "logs", kind, f"{name}.log")


def rotate(path: Path) -> None:
    """Put aside what is in a log that grew too large.

    Whoever writes to it goes on, at the beginning of the same file: they have to append.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size <= SIZE:
            return
        for number in range(BACKUPS - 1, 0, -1):
            earlier = path.with_name(f"{path.name}.{number}")
            if earlier.exists():
                earlier.replace(path.with_name(f"{path.name}.{number + 1}"))
        copy = path.with_name(f"{path.name}.1")
        copy.touch(mode=0o600)
        shutil.copyfile(path, copy)
        os.truncate(path, 0)
