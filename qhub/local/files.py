"""Files that are whole or not there, with the right mode from their first moment."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_private(path: Path, text: str, mode: int = 0o600) -> bool:
    """Write a file in one step; an unchanged file is left alone. Says whether it changed."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        path.chmod(mode)
        return False
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode)
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


def secret(path: Path, size: int = 32) -> str:
    """A random secret kept in a file: hexadecimal, `size` bytes, made at the first call."""
    if not path.is_file():
        write_private(path, secrets.token_hex(size) + "\n")
    return path.read_text(encoding="utf-8").strip()
