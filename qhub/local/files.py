"""Files that are whole or not there, with the right mode from their first moment."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SAME = -1
_CACHE = "__pycache__"


def write_private(path: Path, text: str, mode: int = 0o600, uid: int = _SAME) -> bool:
    """Write a file in one step, to be somebody's where `uid` says so; says whether it changed."""
    return _write(path, text.encode(), mode, uid)


def _write(path: Path, data: bytes, mode: int, uid: int = _SAME) -> bool:
    if path.is_file() and path.read_bytes() == data:
        path.chmod(mode)
        os.chown(path, uid, _SAME)
        return False
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode)
        os.chown(draft, uid, _SAME)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return True


def ensure_folder(path: Path, mode: int) -> Path:
    """Make a folder where it is missing and give it exactly this mode, whatever the umask."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o7777 != mode:
        path.chmod(mode)
    return path


def mirror(source: Path, target: Path, mode: int) -> bool:
    """Make a folder hold the files of another, and no others; Python's caches don't count.

    Args:
        source: where the files are.
        target: where they shall be.
        mode: of folders; files have the same without the right to run them.

    Returns:
        Whether there are any; where there are none, nothing is changed.
    """
    found = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    wanted = {path for path in found if _CACHE not in path.parts}
    if not wanted:
        return False
    with _alone(ensure_folder(target, mode)):
        for path in sorted(wanted):
            for folder in reversed(path.parents[:-1]):
                ensure_folder(target / folder, mode)
            # Programs may be reading it: none is to see it half-written.
            _write(target / path, (source / path).read_bytes(), mode & 0o666)
        for path in [path.relative_to(target) for path in target.rglob("*") if path.is_file()]:
            if path not in wanted and _CACHE not in path.parts:
                (target / path).unlink()
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else who asks for it is at work in the folder: stages are applied side by side."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def secret(path: Path, size: int = 32) -> str:
    """A random secret kept in a file: hexadecimal, `size` bytes, made at the first call."""
    if not path.is_file():
        write_private(path, secrets.token_hex(size) + "\n")
    return path.read_text(encoding="utf-8").strip()
