"""`restore`: put back what a backup holds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qhub.backup import archive
from qhub.backup import restore as files
from qhub.backup.manifest import Header, shown
from qhub.backup.put import Restored
from qhub.backup.restore import Selection
from qhub.backup.store import Store
from qhub.errors import UsageError
from qhub.runner.folder import Folder
from qhub.runner.interrupt import stop_on_signals
from qhub.runner.log import RunLog
from qhub.runner.operation import Deployment
from qhub.runner.progress import Report, Status
from qhub.runner.record import Record
from qhub.runner.saving import Meter, amount, is_archive, whose
from qhub.terraform import find_engine


@dataclass
class Restoration:
    """What came of a run."""

    header: Header
    restored: Restored
    seconds: float


def listed(target: Path) -> list[Header]:
    """The backups of a target, oldest first.

    Raises:
        UsageError: It holds none.
    """
    if is_archive(target):
        return archive.headers(target)
    with _opened(target) as store:
        return store.backups()


@contextlib.contextmanager
def _opened(target: Path) -> Iterator[Store]:
    store = Store(target)
    store.whose()
    with store.locked(write=False):
        yield store


@contextlib.contextmanager
def _unpacked(target: Path, selection: Selection, meter: Meter) -> Iterator[Store]:
    meter.say(f"unpacking {target.name}")
    with archive.unpacked(target, selection, meter) as store:
        meter.say(f"unpacked, {amount(meter.bytes)}", Status.DONE)
        yield store


def restore(
    folder: Folder,
    target: Path,
    report: Report,
    *,
    backup: str | None = None,
    selection: Selection = files.WHOLE,
    force: bool = False,
    every: float = 5.0,
) -> Restoration:
    """Put back what is selected, after a look whether all of it is undamaged.

    Everything: people's servers are ended and the hub stands still meanwhile. Only some paths, or
    only what is missing: nothing is stopped, and the hub's database stays. Can be repeated: what
    is right already is left alone.

    Raises:
        UsageError: Nothing is deployed, the backup is of another deployment, or what is selected
            does not come back alone.
        BackupError: Something of it is damaged; nothing was changed.
        LockedError, Interrupted: As in `backup`.
    """
    started = time.monotonic()
    files.refuse_documents(selection)
    owner = whose(folder)
    with (
        folder.locked("restore"),
        RunLog(folder, "restore") as log,
        stop_on_signals() as stop,
        Record.load(folder).alone("restore", folder),
        contextlib.ExitStack() as stack,
    ):
        if is_archive(target):
            meter = Meter("unpack", report, log, stop, every)
            store = stack.enter_context(_unpacked(target, selection, meter))
        else:
            store = stack.enter_context(_opened(target))
        if store.whose() != owner and not force:
            raise UsageError(
                f"{target} holds backups of {store.whose()}, and this deployment is {owner}",
                hint="to restore them here all the same, add --force",
            )
        source = Deployment(find_engine(), folder, threading.Event()).data()
        header = store.choose(backup)
        meter = Meter("check", report, log, stop, every)
        _check(store, header, selection, meter)
        meter = Meter("restore", report, log, stop, every)
        meter.say(f"the backup {header.id}")
        with source.quiet() if selection.whole else contextlib.nullcontext():
            restored = files.put_back(source, store, header, selection, meter)
        for path, reason in restored.failed:
            log.line("restore", f"{shown(path)}: {reason}")
        meter.say(
            f"{restored.written} written ({amount(restored.bytes)}), "
            f"{restored.right} were right already",
            Status.FAILED if restored.failed else Status.DONE,
        )
    return Restoration(header, restored, time.monotonic() - started)


def check(
    target: Path,
    report: Report,
    *,
    backup: str | None = None,
    selection: Selection = files.WHOLE,
    every: float = 5.0,
) -> Header:
    """Look whether a backup is undamaged; writes nothing and needs no deployment.

    Raises:
        BackupError: It is damaged; the message names what.
        UsageError: The target holds no such backup.
    """
    with stop_on_signals() as stop:
        meter = Meter("check", report, None, stop, every)
        if is_archive(target):
            meter.say(str(target))
            header, damaged = archive.check(target, selection, meter, backup)
            _tell(header, damaged, meter)
            return header
        with _opened(target) as store:
            header = store.choose(backup)
            _check(store, header, selection, meter)
            return header


def _check(store: Store, header: Header, selection: Selection, meter: Meter) -> None:
    meter.say(f"the backup {header.id}")
    _tell(header, files.damages(store, header, selection, meter), meter)


def _tell(header: Header, damaged: list[tuple[str, str]], meter: Meter) -> None:
    if damaged:
        meter.say(f"damaged: {len(damaged)} of its files", Status.FAILED)
    files.refuse(damaged, header)
    meter.say(f"undamaged, {amount(meter.bytes)}", Status.DONE)
