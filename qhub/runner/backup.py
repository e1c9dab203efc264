"""`backup`: save what people made with a deployment."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from qhub.backup import archive
from qhub.backup.manifest import Header
from qhub.backup.save import Tally, save
from qhub.backup.source import Away, Source
from qhub.backup.store import Store, Whose
from qhub.errors import QhubError, UsageError
from qhub.runner.folder import Folder
from qhub.runner.interrupt import stop_on_signals
from qhub.runner.log import RunLog
from qhub.runner.operation import Deployment
from qhub.runner.progress import Report, Status
from qhub.runner.record import Record
from qhub.runner.saving import Meter, amount, is_archive, whose
from qhub.terraform import find_engine

KEEP = 7
"""Backups that a folder keeps."""

_OTHER_ARCHIVES = {".7z", ".bz2", ".gz", ".tar", ".tgz", ".tzst", ".xz", ".zip", ".zst"}


@dataclass
class BackedUp:
    """What came of a run."""

    header: Header
    tally: Tally
    config: bool
    seconds: float


def backup(
    folder: Folder,
    config: Path,
    target: Path,
    report: Report,
    *,
    stop_servers: bool = False,
    keep: int = KEEP,
    every: float = 5.0,
) -> BackedUp:
    """Save homes, shared folders, the hub's database and the configuration file.

    Into a folder only what changed is copied; an interrupted run is taken up by the next one.

    Raises:
        UsageError: Nothing is deployed, or the target can't be one.
        BackupError: The target can't be written, or is full.
        LockedError: Another run is at work on the deployment or the target.
        Interrupted: Ctrl-C or SIGTERM; run again to go on.
    """
    started = time.monotonic()
    owner = whose(folder)
    with (
        folder.locked("backup"),
        RunLog(folder, "backup") as log,
        stop_on_signals() as stop,
        Record.load(folder).alone("backup", folder),
    ):
        source = Deployment(find_engine(), folder, threading.Event()).data()
        _check_target(target, folder, source, owner)
        meter = Meter("backup", report, log, stop, every)
        meter.say("ending servers" if stop_servers else "starting")
        written = config if config.is_file() else None
        with source.quiet() if stop_servers else contextlib.nullcontext():
            store = Store(_parts(target) if is_archive(target) else target)
            header, tally = save(source, store, owner, written, keep, meter)
        if is_archive(target):
            meter.say(f"packing {target.name}")
            archive.pack(store, header, target, meter)
            shutil.rmtree(store.root)
        meter.say(
            f"{header.files} files, {amount(header.bytes)}; "
            f"{tally.copied} new or changed, {amount(tally.copied_bytes)}",
            Status.DONE,
        )
    return BackedUp(header, tally, written is not None, time.monotonic() - started)


def _parts(target: Path) -> Path:
    """Where an archive is gathered before it is packed; what an interrupted run goes on from."""
    return target.with_name(f".{target.name}.parts")


def _check_target(target: Path, folder: Folder, source: Source | Away, owner: Whose) -> None:
    """Refuse a target that the deployment would take away, or that would hold itself.

    Raises:
        UsageError: It lies in the deployment's own folders, or is a file that is no archive.
    """
    real = target.resolve()
    there = () if isinstance(source, Away) else (source.folder,)
    for own in (*there, folder.private, folder.stages):
        if real.is_relative_to(own.resolve()):
            raise UsageError(
                f"{target} lies in {own}, which belongs to the deployment and goes with it",
                hint="name a folder elsewhere, best on another disk",
            )
    if is_archive(target):
        _check_archive(target, owner)
    elif not target.is_dir() and (target.exists() or target.suffix in _OTHER_ARCHIVES):
        what = "is a file" if target.exists() else "names another kind of archive"
        raise UsageError(f"{target} {what}", hint="name a folder, or a file ending in .tar.zst")


def _check_archive(target: Path, owner: Whose) -> None:
    """Refuse to write over anything but an older backup of the same deployment."""
    if target.is_dir():
        raise UsageError(f"{target} is a folder", hint="name a file, or a folder of another name")
    if not target.exists():
        return
    try:
        found = {Whose(one.project_name, one.namespace) for one in archive.headers(target)}
    except QhubError as error:
        raise UsageError(
            f"{target} is there and is no backup that could be replaced: {error.message}",
            hint="remove it, or name another file",
        ) from error
    if found != {owner}:
        raise UsageError(f"{target} is a backup of another deployment", hint="name another file")
