"""A configuration file as plain data that remembers where everything stands.

`read` gets the file, `builder` turns its YAML into data. What comes out is complete: everything
that is wrong with a configuration is said with a place from here.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from qhub.config.nearest import clipped
from qhub.errors import Problem

LARGEST_FILE = 4 * 1024 * 1024  # bytes; 10,000 users take half of it
DEEPEST = 60  # levels of nesting
MOST_VALUES = 1_000_000  # after expansion of aliases
_WIDEST = 200  # columns of a line that are shown
_LONGEST_MESSAGE = 1000

Key = str | int
KeyPath = tuple[Key, ...]


class Place(NamedTuple):
    """Where a key or value starts (counted from 1) and, for a plain scalar, how it is written."""

    line: int
    column: int
    text: str | None = None


@dataclass
class Document:
    """What a file says, and where. `data` is None and `problems` says why if it can't be read."""

    # Nothing is compared: two files that say the same make equal configurations.
    file: str = field(compare=False)
    data: Any = field(default=None, compare=False)
    lines: list[str] = field(default_factory=list, compare=False)
    problems: list[Problem] = field(default_factory=list, compare=False)
    # Places of (key, value) per container, by the identity of the container: an alias shares them.
    places: dict[int, dict[Key, tuple[Place, Place]]] = field(default_factory=dict, compare=False)

    def has(self, path: KeyPath) -> bool:
        """Whether the file itself has this key or list item."""
        return self._entry(path) is not None

    def value(self, path: KeyPath) -> Any:
        """What the file says at `path`; None where it says nothing."""
        data = self.data
        for key in path:
            if id(data) not in self.places or key not in self.places[id(data)]:
                return None
            data = data[key]
        return data

    def text(self, path: KeyPath) -> str | None:
        """The plain scalar at `path` as it is written (`1.20`), None for anything else."""
        entry = self._entry(path)
        return entry[1].text if entry else None

    def place(self, path: KeyPath, key: bool = False) -> Place:
        """Where the value at `path` stands (or its key); of a missing one, where its parent is."""
        while path:
            entry = self._entry(path)
            if entry:
                return entry[0] if key or entry[1].text == "" else entry[1]
            path, key = path[:-1], True
        return Place(*self._first()) if self.lines else Place(0, 0)

    def problem(
        self, path: KeyPath, message: str, hint: str | None = None, *, key: bool = False
    ) -> Problem:
        """A problem with the value (or the key) at `path`."""
        return self.problem_at(self.place(path, key), message, hint, dotted(path))

    def problem_at(
        self, place: Place, message: str, hint: str | None = None, key: str = ""
    ) -> Problem:
        line = place.line
        source = None
        if 0 < line <= len(self.lines) and place.column <= _WIDEST:
            source = _harmless(masked(clipped(self.lines[line - 1], _WIDEST + 40)), tab="\t")
        message = clipped(_harmless(message), _LONGEST_MESSAGE)
        hint = clipped(_harmless(hint), _LONGEST_MESSAGE) if hint else None
        return Problem(message, self.file, line, place.column, _harmless(key), hint, source)

    def _entry(self, path: KeyPath) -> tuple[Place, Place] | None:
        if not path:
            return None
        parent = self.value(path[:-1])
        return self.places.get(id(parent), {}).get(path[-1])

    def _first(self) -> tuple[int, int]:
        for number, line in enumerate(self.lines, 1):
            if line.strip() and not line.lstrip().startswith(("#", "---", "%")):
                return number, len(line) - len(line.lstrip()) + 1
        return 1, 1


def _harmless(text: str, tab: str = "") -> str:
    """Without what moves a cursor or ends a line; every character keeps its place."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == tab else "\N{REPLACEMENT CHARACTER}" for c in text)


def dotted(path: KeyPath) -> str:
    """`("profiles", "jupyterlab", 0, "default")` as `profiles.jupyterlab[0].default`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


_SECRET_LINE = re.compile(
    r"""((?:^|[\s{,'"])[\w-]*(?:password|secret|token)['"]?\s*:\s+)(?![\s{&*#])(.+)$""",
    re.IGNORECASE,
)


def masked(line: str) -> str:
    """The line as it may be shown: what follows a password or secret key is blotted out."""
    return _SECRET_LINE.sub(r"\1***", line)


def read(path: Path) -> Document:
    """Reads a file; whatever may be wrong with it ends up in `problems`."""
    document = Document(_harmless(str(path)))
    try:
        raw = _bytes(path)
        text = _decoded(raw)
    except _UnreadableError as error:
        document.lines = error.lines
        document.problems.append(document.problem_at(error.place, error.message, error.hint))
        return document
    return parse(text, document.file)


def parse(text: str, file: str) -> Document:
    """Turns YAML text into data with places."""
    from qhub.config.builder import build

    document = Document(file, lines=re.split(r"\r\n|\n|\r", text))
    build(text, document)
    return document


class _UnreadableError(Exception):
    def __init__(
        self, message: str, hint: str, place: Place | None = None, lines: list[str] | None = None
    ) -> None:
        self.message, self.hint, self.lines = message, hint, lines or []
        self.place = place or Place(0, 0)


def _bytes(path: Path) -> bytes:
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to must not hang.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise _UnreadableError("this is a directory", "name the file: -c FILE")
            if not stat.S_ISREG(status.st_mode):
                raise _UnreadableError("this is not a regular file", "name a YAML file: -c FILE")
            raw = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        hint = "`qhub init` writes one; -c FILE names another"
        raise _UnreadableError("there is no such file", hint) from None
    except IsADirectoryError:
        raise _UnreadableError("this is a directory", "name the file: -c FILE") from None
    except PermissionError:
        hint = "check its permissions: ls -l shows them"
        raise _UnreadableError("you may not read this file", hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _UnreadableError(f"the file can't be read: {reason}", "check the path") from None
    if len(raw) > LARGEST_FILE:
        limit = LARGEST_FILE // 1024 // 1024
        raise _UnreadableError(f"the file is larger than {limit} MB", "is this the right file?")
    return raw


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _UnreadableError("the file is UTF-16 text", "save it as UTF-8")
    if b"\0" in raw:
        raise _UnreadableError("the file is binary: it holds NUL bytes", "is this the right file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        after = error.object[error.start : error.start + 40].decode("utf-8", "replace")
        message = f"the byte 0x{error.object[error.start]:02X} is not UTF-8 text"
        lines = re.split(r"\r\n|\n|\r", before + after)
        place = place_of(before, len(before))
        raise _UnreadableError(message, "save the file as UTF-8", place, lines) from None


def place_of(text: str, index: int) -> Place:
    """The place of the character at `index`."""
    lines = re.split(r"\r\n|\n|\r", text[:index])
    return Place(len(lines), len(lines[-1]) + 1)
