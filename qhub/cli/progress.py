"""How a run looks while it goes on: a live line a stage, plain lines, or JSON lines."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator

import typer

from qhub.cli.console import say
from qhub.cli.options import Format
from qhub.runner.progress import Progress, Report, Status

MARKS = {
    Status.RUNNING: ("•", "cyan"),
    Status.DONE: ("✓", "green"),
    Status.FAILED: ("✗", "red"),
}


@contextlib.contextmanager
def shown(form: Format) -> Iterator[Report]:
    """A reporter for this terminal, pipe or program."""
    if form is Format.JSON:
        yield _json
    elif sys.stderr.isatty():
        with _live() as report:
            yield report
    else:
        yield _plain


def interval() -> float:
    """Seconds between two pieces of news of long work: a live line may change often."""
    return 0.5 if sys.stderr.isatty() else 30.0


def elapsed(seconds: float) -> str:
    """`7.2 s`, `2:05 min`, `3:20 h` or `5 days`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}:{int(seconds % 60):02} min"
    if minutes < 48 * 60:
        return f"{minutes // 60}:{minutes % 60:02} h"
    return f"{minutes // (24 * 60)} days"


def _plain(progress: Progress) -> None:
    message = progress.message.splitlines()[0] if progress.message else ""
    say(f"{progress.stage}: {message} ({elapsed(progress.seconds)})")


def _json(progress: Progress) -> None:
    line = {
        "type": "stage",
        "stage": progress.stage,
        "status": progress.status.value,
        "message": progress.message,
        "seconds": round(progress.seconds, 2),
    }
    typer.echo(json.dumps(line))  # in one piece, unlike `print`: stages speak at the same time


@contextlib.contextmanager
def _live() -> Iterator[Report]:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    latest: dict[str, tuple[Progress, float]] = {}
    lock = threading.Lock()

    def table() -> Table:
        grid = Table.grid(padding=(0, 1))
        for ratio in (None, None, None):
            grid.add_column(ratio=ratio, no_wrap=True)
        with lock:
            rows = sorted(latest.items())
        for stage, (progress, told) in rows:
            mark, colour = MARKS[progress.status]
            running = progress.status is Status.RUNNING
            seconds = progress.seconds + (time.monotonic() - told if running else 0)
            message = progress.message.splitlines()[0] if progress.message else ""
            grid.add_row(
                Text(mark, colour),
                Text(stage),
                Text(elapsed(seconds).rjust(9), "bright_black"),
                Text(message, "" if running else "bright_black", overflow="ellipsis"),
            )
        return grid

    console = Console(stderr=True, highlight=False)
    with Live(console=console, get_renderable=table, refresh_per_second=8):

        def report(progress: Progress) -> None:
            with lock:
                latest[progress.stage] = (progress, time.monotonic())

        yield report
