"""What a run tells while it goes on; the command line decides how that looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from qhub.terraform import Changes


class Status(StrEnum):
    """Where a stage stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """News of one stage: `message` is what it is doing or what came of it."""

    stage: str
    status: Status
    message: str = ""
    seconds: float = 0.0
    changes: Changes | None = None


Report = Callable[[Progress], None]
