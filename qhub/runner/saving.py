"""What `backup` and `restore` share: whose deployment it is, what they tell, how they are ended."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from qhub.backup.manifest import shown
from qhub.backup.store import Whose
from qhub.errors import Interrupted, UsageError
from qhub.runner.folder import Folder
from qhub.runner.log import RunLog
from qhub.runner.progress import Progress, Report, Status

ARCHIVE = ".tar.zst"
"""How the name of an archive ends; anything else is a folder."""


def is_archive(target: Path) -> bool:
    """Whether a target is one file."""
    return target.name.endswith(ARCHIVE)


def whose(folder: Folder) -> Whose:
    """Which deployment lives in the folder.

    Raises:
        UsageError: None does.
    """
    folder.applied_stages()  # raises where it is somebody else's
    try:
        kept = json.loads((folder.private / "deployment.json").read_text(encoding="utf-8"))
        return Whose(kept["project_name"], kept["namespace"])
    except (OSError, ValueError, KeyError):
        raise UsageError(f"nothing is deployed from {folder.root}", hint="qhub deploy") from None


def amount(count: int) -> str:
    """Bytes, as people read them."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


@dataclass
class Meter:
    """Counts what one step of a run did, tells of it now and then, and ends it when asked to.

    Args:
        step: its name.
        report: takes the news.
        log: keeps the end, where there is one.
        stop: set when the run is to end.
        every: seconds between two pieces of news.
    """

    step: str
    report: Report
    log: RunLog | None
    stop: threading.Event
    every: float
    entries: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def __call__(self, path: str, count: int) -> None:
        """Count a step of the work.

        Raises:
            Interrupted: The run is to end.
        """
        if self.stop.is_set():
            raise Interrupted("interrupted; what was done is kept, run the same command to go on")
        self.entries += not count
        self.bytes += count
        now = time.monotonic()
        if now - self.told >= self.every:
            self.told = now
            part = "/".join(path.split("/")[:2])
            self.say(f"{shown(part)}: {self.entries} entries, {amount(self.bytes)} so far")

    def say(self, message: str, status: Status = Status.RUNNING) -> None:
        """Tell where the step stands."""
        if self.log and status is not Status.RUNNING:
            self.log.line(self.step, message)
        self.report(Progress(self.step, status, message, time.monotonic() - self.started))
