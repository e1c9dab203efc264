"""Files that hold a configuration or a secret: replaced in one step, never half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from qhub.errors import UsageError


def replace_file(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write a file with this mode, and for this uid and gid; line ends stay as they are.

    Raises:
        UsageError: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                os.fchmod(file.fileno(), mode)
                if owner is not None and owner != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), *owner)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)  # noqa: PTH105 - the temporary name is text
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error


def write_secret(path: Path, secret: str) -> None:
    """Write a file that only its owner reads. Raises UsageError if that can't be."""
    replace_file(path, secret + "\n", 0o600)
