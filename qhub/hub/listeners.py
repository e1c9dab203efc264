"""Whose a port of this machine is: on loopback, who comes first gets it."""

from __future__ import annotations

from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"


def owner(port: int) -> int | None:
    """The uid of who listens on a port; None when nobody does, or the system doesn't tell."""
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, _, _, _, uid, *_ = line.split()
            if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                return int(uid)
    return None
