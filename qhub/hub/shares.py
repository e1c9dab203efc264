"""Who may do what in the shared folder of a group, by the `access` of the group.

`read-write`: its members read and write. `read-only`: they read, members of `admin` write.
`public-read`: its members read and write, everybody reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

ADMIN = "admin"
READ_WRITE, READ_ONLY, PUBLIC_READ = "read-write", "read-only", "public-read"


def open_to(own: Collection[str], groups: Mapping[str, Mapping[str, Any]]) -> dict[str, bool]:
    """The folders that a person may read, with whether they may write there.

    Args:
        own: the groups of the person.
        groups: all groups of the settings, each with its `access`.
    """
    found: dict[str, bool] = {}
    for name, group in groups.items():
        access = group.get("access", READ_WRITE)
        if access == READ_ONLY and ADMIN in own:
            found[name] = True
        elif name in own:
            found[name] = access != READ_ONLY
        elif access == PUBLIC_READ:
            found[name] = False
    return found
