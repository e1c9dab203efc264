"""Restoring: first look whether all that is wanted is undamaged, then put it back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qhub.backup.manifest import Header, shown
from qhub.backup.owners import Renumbering
from qhub.backup.put import Place, Restored
from qhub.backup.source import Away, Source
from qhub.backup.store import CONFIG, Store, Tick
from qhub.errors import BackupError, UsageError

_SHOWN = 10
PLACES = ("homes", "shared")
"""Folders of places; all else in a backup is a document."""


@dataclass(frozen=True)
class Selection:
    """What to restore.

    Args:
        paths: these, with all that is in them; everything when empty.
        missing: only what is not there any more.
    """

    paths: Sequence[str] = ()
    missing: bool = False

    @property
    def whole(self) -> bool:
        """Whether all is to be as it was, the hub's database too."""
        return not self.paths and not self.missing

    def wants(self, path: str) -> bool:
        """Whether a path is to be restored."""
        return not self.paths or any(f"{path}/".startswith(f"{one}/") for one in self.paths)

    def passes(self, path: str) -> bool:
        """Whether something in a folder may be wanted, or the folder itself."""
        return self.wants(path) or any(f"{one}/".startswith(f"{path}/") for one in self.paths)


WHOLE = Selection()


def damages(
    store: Store,
    header: Header,
    selection: Selection,
    tick: Tick,
    look: Callable[[str], str | None] | None = None,
) -> list[tuple[str, str]]:
    """Paths that can't be restored as they were, with the reason.

    Args:
        store: has the manifest.
        header: the backup.
        selection: what of it is looked at.
        tick: is told of each step.
        look: says what is wrong with a content; reads it in the store where not given.

    Raises:
        BackupError: The manifest itself is damaged.
        UsageError: Nothing that was selected is in the backup.
    """
    look = look or store.damage
    known: dict[str, str | None] = {}
    found, any_wanted = [], not selection.paths
    for entry in store.entries(header):
        if not selection.wants(entry.path):
            continue
        any_wanted = True
        if entry.sha256 not in known:
            tick(entry.path, 0)
            known[entry.sha256] = look(entry.sha256)
            tick(entry.path, entry.data)
        reason = known[entry.sha256]
        if reason is not None:
            found.append((entry.path, reason))
    if not any_wanted:
        raise UsageError(
            f"the backup {header.id} does not hold {', '.join(selection.paths)}",
            hint="paths are those of its manifest: homes/NAME/…, shared/GROUP/…",
        )
    return found


def refuse(damaged: Sequence[tuple[str, str]], header: Header) -> None:
    """End here if anything is damaged.

    Raises:
        BackupError: Something is; it names the paths.
    """
    if not damaged:
        return
    lines = [f"  {shown(path)}: {reason}" for path, reason in damaged[:_SHOWN]]
    more = [f"  … and {len(damaged) - _SHOWN} more"] if damaged[_SHOWN:] else []
    raise BackupError(
        "\n".join([f"the backup {header.id} is damaged:", *lines, *more]),
        hint="take another backup (--list, --at), or only what is intact (--user, --path); "
        "what you remove from objects/ is copied again by the next backup",
    )


def refuse_documents(selection: Selection) -> None:
    """End here if what is wanted by name only comes back with everything.

    Raises:
        UsageError: It does, or there is no such thing.
    """
    for path in selection.paths:
        if path.partition("/")[0] not in PLACES:
            raise UsageError(
                f"{path!r} can't be restored alone, only what lies in homes/ and shared/",
                hint="the hub's database and keys come back with everything; the configuration "
                "is read in the backup itself: backups/ID/qhub-config.yaml",
            )


def places(store: Store, header: Header, selection: Selection) -> set[str]:
    """The places that what is selected lies in; an empty one needs nothing."""
    paths = (entry.path for entry in store.entries(header))
    inside = (path for path in paths if path != _place(path) and selection.passes(path))
    return {_place(path) for path in inside} - {""}


def put_back(
    source: Source | Away, store: Store, header: Header, selection: Selection, tick: Tick
) -> Restored:
    """Put what is selected back; what is right already is left alone, so it can be repeated.

    Documents are put back with everything only, and only where all is to be as it was.
    """
    if isinstance(source, Away):
        return source.put_back(store, header, selection, tick)
    result = Restored()
    numbers = Renumbering(header.owners, source.owners)
    selected = (entry for entry in store.entries(header) if selection.passes(entry.path))
    for name, entries in itertools.groupby(selected, lambda entry: _place(entry.path)):
        if not name:
            for entry in entries:
                if selection.whole and entry.path != CONFIG:
                    source.put(entry.path, store.read(entry.sha256))
                    result.written += 1
            continue
        try:
            folder, keep = source.place(name), selection.missing
            place = Place(name, folder, store, numbers, missing=keep, result=result, tick=tick)
            with place:
                for entry in entries:
                    place.put(entry, wanted=selection.wants(entry.path))
        except OSError as error:  # the place itself; its owner may be to blame, nobody else
            result.failed.append((name, error.strerror or str(error)))
    return result


def _place(path: str) -> str:
    """The place that a path lies in; empty for a document."""
    kind, *rest = path.split("/")
    return f"{kind}/{rest[0]}" if kind in PLACES and rest else ""
