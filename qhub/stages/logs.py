"""Logs that are files of this machine, and logs that are kept by a cluster."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FOLLOW_SECONDS = 0.2


@dataclass(frozen=True)
class LogFile:
    """A log that is a file."""

    path: Path

    @property
    def place(self) -> str:
        return str(self.path)

    def lines(self, count: int, *, follow: bool) -> Iterator[str]:
        return tail(self.path, count, follow=follow)


@dataclass(frozen=True)
class PodLog:
    """The log of the pods of one name in a cluster."""

    context: str
    namespace: str
    name: str
    pods: tuple[str, ...]

    @property
    def place(self) -> str:
        return " ".join(f"pod/{pod}" for pod in self.pods)

    def lines(self, count: int, *, follow: bool) -> Iterator[str]:
        from qhub.kubernetes import logs
        from qhub.kubernetes.cluster import reach

        return logs.tail(reach(self.context), self.namespace, self.name, count, follow=follow)


def tail(path: Path, lines: int, *, follow: bool) -> Iterator[str]:
    """The last lines of a file and, with `follow`, those that come, also after a rotation.

    Rotated is what has another file in its place, or became shorter.
    """
    file = path.open("rb")
    try:
        yield from _whole(deque(file, maxlen=lines), file, follow)
        while follow:
            time.sleep(FOLLOW_SECONDS)
            rotated = _is_replaced(path, file)
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)
            yield from _whole(file, file, follow=not rotated)
            if rotated:
                file.close()
                file = path.open("rb")
    finally:
        file.close()


def _whole(lines: Iterable[bytes], file: BinaryIO, follow: bool) -> Iterator[str]:
    """Lines as text; the last, where it goes on to be written, is left for the next time."""
    for line in lines:
        if follow and not line.endswith(b"\n"):
            file.seek(file.tell() - len(line))
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _is_replaced(path: Path, file: BinaryIO) -> bool:
    try:
        now = path.stat()
    except OSError:  # for a moment there is none
        return False
    return not os.path.samestat(now, os.fstat(file.fileno()))
