"""The folders of people, groups and environments in a shared file system: made, given and closed.

Runs as root in a pod of its own at each change of people and groups: `python -m …folders
SETTINGS PLACE`. Nothing of somebody who is gone is removed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HOME_MODE, SHARED_MODE = 0o700, 0o2770
BUILDER = 1000
"""Who builds environments: the user of conda-store's image."""


def make(settings: Mapping[str, Any], place: Path) -> None:
    """Make them below a folder; one that is there keeps what is in it."""
    groups = settings["groups"]
    for top in ("homes", "shared"):
        _give(place / top, 0, 0, 0o755)
    for name, person in settings["users"].items():
        gid = groups[person["primary_group"]]["gid"]
        _give(place / "homes" / name, person["uid"], gid, HOME_MODE)
    for name, group in groups.items():
        _give(place / "shared" / name, 0, group["gid"], SHARED_MODE)
    if settings["namespaces"]:
        _make_store(settings["namespaces"], place / "conda-store")


def _make_store(namespaces: Sequence[str], place: Path) -> None:
    """Folders of conda-store; each namespace is mounted into the pods of who sees it, alone."""
    for top in (place, place / "store"):
        _give(top, 0, 0, 0o755)
    _give(place / "state", BUILDER, BUILDER, 0o700)
    for name in namespaces:
        _give(place / "store" / name, BUILDER, BUILDER, 0o755)


def _give(folder: Path, uid: int, gid: int, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(opened, uid, gid)
        os.fchmod(opened, mode)
    finally:
        os.close(opened)


if __name__ == "__main__":
    make(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
