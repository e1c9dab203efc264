"""Where the data of a deployment is: one class for each platform does this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from qhub.backup.owners import Owners


class Source(Protocol):
    """What people made with a deployment, to be saved and put back."""

    @property
    def owners(self) -> Owners:
        """The people and groups there are now."""
        ...

    @property
    def folder(self) -> Path:
        """The folder that holds all of it; a backup may not lie there."""
        ...

    def documents(self, scratch: Path) -> Iterator[tuple[str, Path]]:
        """Single files, by name, sorted: the hub's database say, as consistent copies.

        Args:
            scratch: an empty folder to make copies in.
        """
        ...

    def places(self) -> dict[str, Path]:
        """The trees of people by name: `homes/NAME`, `shared/NAME`."""
        ...

    def skipped(self, place: str) -> frozenset[str]:
        """Paths of a place that are not worth a backup, such as caches."""
        ...

    def quiet(self) -> AbstractContextManager[None]:
        """Nobody's server runs meanwhile and nobody can start one; afterwards the hub is up."""
        ...

    def put(self, name: str, data: Iterator[bytes]) -> None:
        """Put a document back; called while `quiet`."""
        ...

    def place(self, name: str) -> Path:
        """The folder of a place, made where it is missing."""
        ...
