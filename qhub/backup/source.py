"""Where the data of a deployment is: one class for each platform does this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qhub.backup.owners import Owners

if TYPE_CHECKING:
    from qhub.backup.manifest import Header
    from qhub.backup.put import Restored
    from qhub.backup.restore import Selection
    from qhub.backup.save import Tally
    from qhub.backup.store import Draft, Store, Tick, Whose

CACHES = (".cache",)
"""Folders of a home that programs fill anew."""


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


@runtime_checkable
class Away(Protocol):
    """A source whose trees are on other machines: what is there does the work, for the store."""

    def quiet(self) -> AbstractContextManager[None]:
        """As a `Source` does."""
        ...

    def save(
        self, store: Store, draft: Draft, whose: Whose, config: Path | None, tick: Tick
    ) -> tuple[Header, Tally]:
        """Save everything into a draft."""
        ...

    def put_back(self, store: Store, header: Header, selection: Selection, tick: Tick) -> Restored:
        """Put back what is selected."""
        ...
