"""`logs`: the log files of a deployment, by name."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

from qhub.config import Config
from qhub.errors import UsageError
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.stages import select
from qhub.terraform import find_engine

FOLLOW_SECONDS = 0.2


def log_files(config: Config, folder: Folder) -> dict[str, Path]:
    """Log files by name: those of what runs, and the newest of each kind of run (`deploy`, …)."""
    found: dict[str, Path] = {}
    if folder.applied_stages():
        deployment = Deployment(find_engine(), folder, threading.Event())
        for stage in select(config):
            outputs = deployment.applied_outputs(stage)
            if outputs is not None:
                found.update(stage.logs(outputs))
    for path in sorted((folder.private / "logs").glob("*.log")):
        found[path.stem.rsplit("-", 1)[1]] = path
    return found


def find_log(name: str, files: Mapping[str, Path]) -> Path:
    """The log of that name.

    Raises:
        UsageError: There is none.
    """
    if name in files and files[name].is_file():
        return files[name]
    if not files:
        raise UsageError("nothing is deployed, so there are no logs", hint="qhub deploy")
    near = get_close_matches(name, files, 1)
    raise UsageError(
        f"no log of {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
        hint=f"there are: {', '.join(files)}",
    )


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
