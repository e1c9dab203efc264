"""A backup as one file: the folder of `qhub.backup.store`, packed with tar and zstd.

What describes the backup comes first, then the contents in the order of the manifest, so that a
stream is enough to check it. `tar --zstd -x` unpacks it as well.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO

from qhub.backup.manifest import Header
from qhub.backup.restore import Selection, damages
from qhub.backup.store import CONFIG, MARKER, DiskFull, Store, Tick, told
from qhub.errors import BackupError, LockedError, UsageError

_OBJECT = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})")
_ABOUT = re.compile(
    rf"{re.escape(MARKER)}|backups/[\w-]+/(manifest\.jsonl|backup\.json|{Path(CONFIG).name})"
)
_CHUNK = 1 << 20
_LEVEL = 3
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_UNPACKED = ".unpacked-"
"""What follows an archive's name in that of the folder with what was unpacked."""

_LABEL = "contents"
"""What progress calls the work on an archive."""


def _zstd() -> ModuleType:
    """The library for zstd: Python's own from 3.14 on.

    Raises:
        UsageError: It isn't installed.
    """
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise UsageError(
            "a .tar.zst needs the package backports.zstd",
            hint="pip install 'qhub[local]', or name a folder",
        ) from error
    return zstd


def pack(store: Store, header: Header, file: Path, tick: Tick) -> None:
    """Make an archive of one backup; it takes its name when it is whole.

    Raises:
        BackupError: The archive can't be written.
    """
    draft = file.with_name(f".{file.name}.draft")
    zstd = _zstd()
    options = {
        zstd.CompressionParameter.compression_level: _LEVEL,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    try:
        with told(file), os.fdopen(os.open(draft, _WRITE, 0o600), "wb") as raw:
            with (
                zstd.ZstdFile(raw, "wb", options=options) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                for path in _paths(store, header):
                    _add(tar, store.root, path, tick)
            raw.flush()
            os.fsync(raw.fileno())
        with told(file):
            draft.rename(file)
    except DiskFull as error:
        needed = sum(path.stat().st_size for path in _paths(store, header))
        raise BackupError(
            error.message,
            hint=f"up to {needed / 1e6:.1f} MB are needed beside {store.root}, which goes when the "
            "archive is whole; make room, then run the same command to go on",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _paths(store: Store, header: Header) -> Iterator[Path]:
    """The files of one backup: what describes it, then its contents, each once."""
    yield store.root / MARKER
    yield from sorted(store.folder(header.id).iterdir())
    done: set[str] = set()
    for entry in store.entries(header):
        if entry.sha256 and entry.sha256 not in done:
            done.add(entry.sha256)
            yield store.object(entry.sha256)


def _add(tar: tarfile.TarFile, root: Path, path: Path, tick: Tick) -> None:
    member = tarfile.TarInfo(path.relative_to(root).as_posix())
    member.size, member.mode = path.stat().st_size, 0o600
    with path.open("rb") as content:
        tar.addfile(member, _Told(content, tick))  # type: ignore[arg-type]


class _Told:
    """A file that tells how far it was read."""

    def __init__(self, file: IO[bytes], tick: Tick) -> None:
        self._file, self._tick = file, tick

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._tick(_LABEL, len(data))
        return data


def check(
    file: Path, selection: Selection, tick: Tick, backup: str | None = None
) -> tuple[Header, list[tuple[str, str]]]:
    """Read an archive to its end; returns its header and what is damaged, with the reason.

    Args:
        file: the archive.
        selection: what of it is looked at.
        tick: is told of each step.
        backup: id of the backup that should be in it, where one was named.

    Raises:
        BackupError: It can't be read to its end.
        UsageError: It is no archive of qhub, or holds nothing that was selected.
    """
    good = {""}
    with tempfile.TemporaryDirectory(prefix="qhub-") as scratch:
        store = Store(Path(scratch))
        for name, content in _members(file):
            if (sha256 := _sha256(name)) is None:
                _keep(store.root / name, content, tick)
                continue
            total = hashlib.sha256()
            for chunk in _ticking(content, tick):
                total.update(chunk)
            if total.hexdigest() == sha256:
                good.add(sha256)
        header = _header(store, file, backup)
        reason = "its content is missing or was changed"
        damaged = damages(
            store, header, selection, _silent, lambda sha256: None if sha256 in good else reason
        )
        return header, damaged


def headers(file: Path) -> list[Header]:
    """What an archive holds, read from its beginning: one backup.

    Raises:
        BackupError: It can't be read.
        UsageError: It is no archive of qhub.
    """
    with tempfile.TemporaryDirectory(prefix="qhub-") as scratch:
        store = Store(Path(scratch))
        with contextlib.closing(_members(file)) as members:
            for name, content in members:
                if _sha256(name) is not None:
                    break
                _keep(store.root / name, content, _silent)
        return [_header(store, file)]


@contextlib.contextmanager
def unpacked(file: Path, selection: Selection, tick: Tick) -> Iterator[Store]:
    """What is selected of an archive, as a folder beside it for the time being.

    Raises:
        BackupError: It can't be read, or there is no room beside it.
        UsageError: It is no archive of qhub.
    """
    _remove_left(file)
    try:
        made = tempfile.TemporaryDirectory(prefix=f".{file.name}{_UNPACKED}", dir=file.parent)
    except OSError as error:
        raise BackupError(
            f"{file} can't be unpacked beside itself: {error.strerror}",
            hint="unpack it where there is room, then restore the folder: "
            f"mkdir FOLDER && tar --zstd -C FOLDER -xf {file}",
        ) from error
    with made as scratch:
        store, wanted = Store(Path(scratch)), None
        with store.locked(write=True):
            for name, content in _members(file):
                sha256 = _sha256(name)
                if sha256 is not None and wanted is None:
                    entries = store.entries(_header(store, file))
                    wanted = {entry.sha256 for entry in entries if selection.wants(entry.path)}
                if sha256 is None or wanted is None or sha256 in wanted:
                    _keep(store.root / name, content, tick)
            _header(store, file)
            yield store


def _remove_left(file: Path) -> None:
    """Remove what a run that was killed had unpacked; one that is at work holds its lock."""
    for folder in file.parent.glob(f".{glob.escape(file.name)}{_UNPACKED}*"):
        if (folder / "lock").exists():
            with (
                contextlib.suppress(LockedError, BackupError, OSError),
                Store(folder).locked(write=True),
            ):
                shutil.rmtree(folder)


def _members(file: Path) -> Generator[tuple[str, Iterator[bytes]], None, None]:
    """Name and content of each member, one after the other."""
    zstd = _zstd()
    with (
        _readable(file),
        zstd.ZstdFile(file, "rb") as packed,
        tarfile.open(fileobj=packed, mode="r|") as tar,
    ):
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            known = _OBJECT.fullmatch(member.name) or _ABOUT.fullmatch(member.name)
            if content is None or not known:
                raise UsageError(f"{file} is no backup of qhub: it holds {member.name!r}")
            yield member.name, _chunks(file, content)


def _chunks(file: Path, content: IO[bytes]) -> Iterator[bytes]:
    with _readable(file):
        while chunk := content.read(_CHUNK):
            yield chunk


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn what goes wrong in reading an archive into an error for people."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"{file} is not there") from None
    except (OSError, EOFError, tarfile.TarError, _zstd().ZstdError) as error:
        raise BackupError(f"{file} is damaged or no backup of qhub: {error}") from error


def _silent(path: str, count: int) -> None:
    """Progress that nobody is told of."""


def _sha256(name: str) -> str | None:
    """The hash that a member's name says; None for what describes the backup."""
    found = _OBJECT.fullmatch(name)
    return found[1] + found[2] if found else None


def _keep(path: Path, content: Iterator[bytes], tick: Tick) -> None:
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, _WRITE, 0o600), "wb") as file:
            file.writelines(_ticking(content, tick))


def _ticking(content: Iterator[bytes], tick: Tick) -> Iterator[bytes]:
    tick(_LABEL, 0)
    for chunk in content:
        yield chunk
        tick(_LABEL, len(chunk))


def _header(store: Store, file: Path, backup: str | None = None) -> Header:
    """The header of an archive's backup.

    Raises:
        UsageError: There is none.
    """
    try:
        store.whose()
    except UsageError:
        raise UsageError(f"{file} is no backup of qhub") from None
    return store.choose(backup)
