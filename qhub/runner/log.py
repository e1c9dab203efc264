"""One log file a run: everything the stages said, with the time and the stage before each line."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from qhub.runner.folder import Folder

KEPT = 20
"""Runs of a command whose logs are kept, so that nightly backups leave those of deploys."""


class RunLog:
    """The log of one run; stages that run side by side share it."""

    def __init__(self, folder: Folder, command: str) -> None:
        logs = folder.private / "logs"
        logs.mkdir(exist_ok=True)
        for old in sorted(logs.glob(f"*-{command}.log"))[: -KEPT + 1]:
            old.unlink()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
        self.path: Path = logs / f"{now}-{command}.log"
        self._file = self.path.open("a", buffering=1)
        self.path.chmod(0o600)
        self._lock = threading.Lock()

    def line(self, stage: str, text: str) -> None:
        """Add what a stage said."""
        now = datetime.now(UTC).strftime("%H:%M:%S")
        with self._lock:
            for part in text.splitlines():
                self._file.write(f"{now} {stage}: {part}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.line("run", f"ended: {type(error).__name__}: {error}")
        self._file.close()
