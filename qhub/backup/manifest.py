"""The manifest: a line for each thing that was saved, in the order of a walk."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from qhub.backup.owners import Owners
from qhub.errors import BackupError

FORMAT = 1
"""Number of the format; a reader refuses what is newer than itself."""

Kind = Literal["file", "folder", "link"]


@dataclass(slots=True)
class Entry:
    """One file, folder or symbolic link.

    Args:
        path: where, relative and with `/`; bytes that are no UTF-8 as Python's surrogates.
        kind: what it is.
        mode: permission bits.
        uid: number of its owner when it was saved.
        gid: number of its group when it was saved.
        mtime: when it was changed last, in nanoseconds.
        size: bytes of a file.
        sha256: of a file's data; empty for one without.
        extents: offset and length of each piece of data, where a file has holes.
        target: where a symbolic link leads.
        linked: the file has other names.
        same_as: path of another name of the same file, in the same place.
        xattrs: extended attributes that are kept, in base64.
        ctime: with `inode`, tells whether the file was touched since; 0 when it can't.
        inode: number of the file.
        unsettled: the file was changed while it was read, again and again.
    """

    path: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int = 0
    sha256: str = ""
    extents: list[list[int]] | None = None
    target: str = ""
    linked: bool = False
    same_as: str = ""
    xattrs: dict[str, str] = field(default_factory=dict)
    ctime: int = 0
    inode: int = 0
    unsettled: bool = False

    @property
    def data(self) -> int:
        """Bytes of a file without its holes."""
        if self.extents is None:
            return self.size
        return sum(length for _, length in self.extents)

    @property
    def order(self) -> list[bytes]:
        """By this a walk is sorted: each folder before what is in it."""
        return order(self.path)

    def line(self) -> str:
        """The entry as the manifest holds it; what is as usual is left out."""
        content = {
            name: value
            for name, value in ((name, getattr(self, name)) for name in _FIELDS)
            if value or name in _ALWAYS
        }
        return json.dumps(content, separators=(",", ":")) + "\n"


_FIELDS = [one.name for one in dataclasses.fields(Entry)]
_ALWAYS = {"path", "kind", "mode", "uid", "gid", "mtime", "extents"}


def order(path: str) -> list[bytes]:
    """What paths are sorted by, so that a folder's content follows it."""
    return os.fsencode(path).split(b"/")


def shown(path: str) -> str:
    """A path on one line, whatever characters its name is made of."""
    return path if path.isprintable() else ascii(path)


def read(lines: Iterable[str]) -> Iterator[Entry]:
    """Entries of a manifest.

    Raises:
        ValueError: A line is no entry, or its path leads out of the backup.
    """
    for line in lines:
        try:
            entry = Entry(**json.loads(line))
        except TypeError as error:
            raise ValueError(f"not an entry: {line[:80]}") from error
        if any(part in ("", ".", "..") for part in entry.path.split("/")):
            raise ValueError(f"{entry.path!r} is no path of a backup")
        yield entry


class Header(BaseModel):
    """What is known of a whole backup: `backup.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    id: str
    project_name: str
    namespace: str | None = None
    qhub: str
    created: str
    manifest_sha256: str
    files: int
    bytes: int
    owners: Owners
    unsettled: int = 0
    unreadable: int = 0

    @staticmethod
    def load(file: Path) -> Header:
        """Read a header.

        Raises:
            BackupError: It can't be read, or it is of a newer format.
        """
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            check_format(content, file)
            return Header.model_validate(content)
        except (OSError, ValueError) as error:
            what = "it is not as qhub writes it" if isinstance(error, ValidationError) else error
            raise BackupError(f"{file} can't be used: {what}") from error


def check_format(content: dict[str, object], file: Path) -> None:
    """Refuse what a newer qhub wrote.

    Raises:
        BackupError: It is newer.
    """
    found = content.get("format")
    if not isinstance(found, int) or found > FORMAT:
        raise BackupError(
            f"{file} has format {found}, and this qhub knows formats up to {FORMAT}",
            hint="install the qhub that made the backup, or a newer one",
        )
