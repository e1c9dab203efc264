"""Telling what a wait is for."""

from __future__ import annotations

import time
from collections.abc import Callable

MOMENT_SECONDS = 10.0
"""Shorter waits are nothing to tell of, nor is what changes faster."""


Say = Callable[[str], None]


def unheard(text: str) -> None:
    """Where nobody is to be told."""
    del text


class Waiting:
    """A wait that says what it is for, once it takes longer than a moment, and when that changes.

    Args:
        say: Takes the news.
    """

    def __init__(self, say: Say) -> None:
        self._say, self._told = say, ""
        self._due = time.monotonic() + MOMENT_SECONDS

    @property
    def is_news(self) -> bool:
        """Whether something may be told now."""
        return time.monotonic() >= self._due

    def on(self, reason: str) -> None:
        """It is still on, for this reason; of several lines the first is told."""
        reason = reason.partition("\n")[0]
        if self.is_news and reason != self._told:
            self._say(f"waiting: {reason}")
            self._told, self._due = reason, time.monotonic() + MOMENT_SECONDS
