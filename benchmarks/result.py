"""What a benchmark gives: a ratio of two things that were done in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """A figure of ours, that of what it is held against, and the ratio that is aimed at."""

    name: str
    measured: float
    reference: float
    target: float
    note: str = ""
    unit: str = "s"

    @property
    def ratio(self) -> float:
        return self.measured / self.reference

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "ratio": round(self.ratio, 3), "reached": self.ratio <= self.target}


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def side_by_side(
    ours: Callable[[], object], reference: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """The best of some rounds of each, taken in turns so that both meet the same machine."""
    pairs = [(seconds(ours), seconds(reference)) for _ in range(rounds)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
