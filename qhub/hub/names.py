"""Names of people and groups in a container, so that `ls -l` and `id` say who is who."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SYSTEM = (("root", 0, "/root"), ("daemon", 1, "/usr/sbin"), ("nobody", 65534, "/nonexistent"))
HOMES = "/home"


def home(name: str) -> str:
    """The home of a person in a container."""
    return f"{HOMES}/{name}"


def passwd(users: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Mapping[str, Any]]) -> str:
    """`/etc/passwd` of everybody of the settings."""
    lines = [f"{name}:x:{uid}:{uid}:{name}:{folder}:/bin/bash" for name, uid, folder in _SYSTEM]
    for name, person in users.items():
        gid = groups[person["primary_group"]]["gid"]
        lines.append(f"{name}:x:{person['uid']}:{gid}:{name}:{home(name)}:/bin/bash")
    return "\n".join(lines) + "\n"


def group(users: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Mapping[str, Any]]) -> str:
    """`/etc/group` of every group of the settings."""
    lines = [f"{'nogroup' if name == 'nobody' else name}:x:{gid}:" for name, gid, _ in _SYSTEM]
    for name, one in groups.items():
        members = ",".join(user for user, person in users.items() if name in person["groups"])
        lines.append(f"{name}:x:{one['gid']}:{members}")
    return "\n".join(lines) + "\n"
