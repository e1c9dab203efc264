"""`logs`: the log files of a deployment, by name."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

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
    """The last lines of a file and, with `follow`, those that come, also after a rotation."""
    with path.open(errors="replace") as file:
        yield from (line.rstrip("\n") for line in deque(file, maxlen=lines))
        position = file.tell()
    while follow:
        time.sleep(FOLLOW_SECONDS)
        if not path.exists():
            continue
        with path.open(errors="replace") as file:
            if path.stat().st_size < position:
                position = 0
            file.seek(position)
            yield from (line.rstrip("\n") for line in file)
            position = file.tell()
