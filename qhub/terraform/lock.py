"""The lock of a state: what Terraform says of one that it met, and who is still at work."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from qhub.errors import StateLocked

_MET = re.compile(r"Error acquiring the state lock|already locked by another")
_FIELD = re.compile(r"^\W*(ID|Who|Created):\s*(.*?)\s*$", re.MULTILINE)


def met(said: str) -> StateLocked | None:
    """The lock that kept Terraform from its work, where that is what it said."""
    if not _MET.search(said):
        return None
    told = dict(_FIELD.findall(said))
    try:
        # As Go prints it: `2026-11-26 01:20:41.123456789 +0000 UTC`.
        day, time, zone = told["Created"].split()[:3]
        since = datetime.fromisoformat(f"{day}T{time[:15]}{zone}").timestamp()
    except (KeyError, ValueError):
        since = 0.0
    who = told.get("Who", "somebody")
    return StateLocked(f"its state is locked by {who}", told.get("ID", ""), who, since)


@contextmanager
def presence(file: Path) -> Iterator[int]:
    """Give a program something to hold for as long as it runs, also when this process dies.

    Yields:
        A file descriptor that it has to inherit.
    """
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        yield held.fileno()


def begin(file: Path) -> float:
    """Note that something begins that takes the lock; returns when the last one did."""
    before = file.stat().st_mtime if file.exists() else 0.0
    file.touch()
    return before


def was_kept_out(file: Path, before: float) -> None:
    """Note that it met another's lock, and so began nothing."""
    os.utime(file, (before, before))


def began_and_died(file: Path, since: float) -> bool:
    """Whether whoever took a lock at that time began here, and is no more."""
    if not file.exists() or not 0 < file.stat().st_mtime <= since:
        return False
    with file.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
