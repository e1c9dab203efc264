"""Extended attributes of files: people's own and access lists; nothing that gives privileges."""

from __future__ import annotations

import base64
import contextlib
import os
import struct
from collections.abc import Mapping

from qhub.backup.owners import Renumbering

_ACCESS_LISTS = ("system.posix_acl_access", "system.posix_acl_default")
_USER, _GROUP = 0x02, 0x08
_ENTRY = struct.Struct("<HHI")
_VERSION = 4


def read(descriptor: int) -> dict[str, str]:
    """Attributes of an open file or folder that a backup keeps, in base64."""
    if not hasattr(os, "listxattr"):  # macOS
        return {}
    found = {}
    with contextlib.suppress(OSError):  # the file system has none
        for name in sorted(os.listxattr(descriptor)):
            if name.startswith("user.") or name in _ACCESS_LISTS:
                found[name] = base64.b64encode(os.getxattr(descriptor, name)).decode()
    return found


class Kept:
    """The attributes that things of a place get back.

    Args:
        numbers: turn the people of access lists into those of today.
        lists: whether access lists come back; else things have those of the folder they are in.
    """

    def __init__(self, numbers: Renumbering, *, lists: bool) -> None:
        self._numbers, self._lists = numbers, lists

    def wanted(self, saved: Mapping[str, str]) -> dict[str, bytes]:
        """What is to be there."""
        content = {name: base64.b64decode(value) for name, value in saved.items()}
        if not self._lists:
            return {name: value for name, value in content.items() if name not in _ACCESS_LISTS}
        return {
            name: _renumbered(value, self._numbers) if name in _ACCESS_LISTS else value
            for name, value in content.items()
        }

    def right(self, descriptor: int, saved: Mapping[str, str]) -> bool:
        """Whether an open file or folder has them."""
        found = read(descriptor)
        if not self._lists:
            found = {name: value for name, value in found.items() if name not in _ACCESS_LISTS}
        return {name: base64.b64decode(value) for name, value in found.items()} == self.wanted(
            saved
        )

    def write(self, descriptor: int, saved: Mapping[str, str]) -> None:
        """Give them to an open file or folder, as far as its file system takes them."""
        wanted = self.wanted(saved)
        if self._lists and hasattr(os, "removexattr"):
            for name in set(_ACCESS_LISTS) - set(wanted):
                with contextlib.suppress(OSError):  # it has none
                    os.removexattr(descriptor, name)
        for name, content in wanted.items():
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, content)


def _renumbered(content: bytes, numbers: Renumbering) -> bytes:
    """An access list with the numbers that its people have now."""
    parts = [content[:_VERSION]]
    for tag, permissions, number in _ENTRY.iter_unpack(content[_VERSION:]):
        if tag in (_USER, _GROUP):
            number = numbers.uid(number) if tag == _USER else numbers.gid(number)
        parts.append(_ENTRY.pack(tag, permissions, number))
    return b"".join(parts)
