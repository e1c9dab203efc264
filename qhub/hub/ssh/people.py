"""The people who may log in, and their public keys."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import asyncssh


class People:
    """The people of the settings, read again whenever the file changes.

    So a deploy reaches the running service, and nobody's connection ends for it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, int] | None = None
        self._settings: dict[str, Any] = {"users": {}, "groups": {}}

    def settings(self) -> dict[str, Any]:
        """`users` and `groups`, as they are now, or were when the file was last there."""
        with contextlib.suppress(FileNotFoundError):
            status = self._file.stat()
            version = (status.st_ino, status.st_mtime_ns)
            if version != self._read:
                self._settings = json.loads(self._file.read_text(encoding="utf-8"))
                self._read = version
        return self._settings

    def find(self, name: str) -> dict[str, Any] | None:
        """Somebody of the settings; None for anybody else."""
        person: dict[str, Any] | None = self.settings()["users"].get(name)
        return person

    def has_key(self, name: str, key: Any) -> bool:
        """Whether a public key is one of somebody's."""
        lines = (self.find(name) or {}).get("ssh_keys", [])
        known = [asyncssh.import_public_key(line).public_data for line in lines]
        return key.public_data in known
