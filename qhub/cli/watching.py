"""`qhub status --watch`: the status again and again; in place on a terminal, else in blocks."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import typer

from qhub.cli.options import Format
from qhub.cli.status import as_data, lines
from qhub.config import Config, load
from qhub.errors import ConfigError, QhubError
from qhub.runner.folder import Folder
from qhub.runner.status import DeploymentStatus, Observer

DRIFT_SECONDS = 30.0
"""How long what was found out about drift is shown: comparing passwords alone is dear."""


def watch(path: Path, folder: Folder, interval: float, output: Format) -> None:
    """Show the status every `interval` seconds until Ctrl-C."""
    current = _Config(path)
    observer, load = Observer(folder, DRIFT_SECONDS), _Load()
    with contextlib.suppress(KeyboardInterrupt), _screen(output) as show:
        found = observer.look(current.read())
        while True:
            looked = time.monotonic()
            show(found, load.since_last(found))
            time.sleep(max(0.1, interval - (time.monotonic() - looked)))
            found = _look(observer, current)


def _look(observer: Observer, current: _Config) -> DeploymentStatus:
    """What is found; while a deploy is at work that may be an error, which is shown and passes."""
    try:
        found = observer.look(current.read())
    except QhubError as error:
        found = DeploymentStatus(notices=[error.message])
    found.notices += current.notices
    return found


class _Config:
    """The configuration as the file has it now; while that is broken, as it was before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config = load(path)
        self._changed = self._time()
        self.notices: list[str] = []

    def _time(self) -> int:
        return self._path.stat().st_mtime_ns if self._path.exists() else 0

    def read(self) -> Config:
        changed = self._time()
        if changed != self._changed:
            self._changed, self.notices = changed, []
            try:
                self._config = load(self._path)
            except ConfigError as error:
                self.notices = [f"{self._path}: {error.message}; `qhub validate` shows them"]
        return self._config


class _Load:
    """Processors in use, from the processor time that each process has taken between two looks."""

    def __init__(self) -> None:
        self._last: dict[int, float] = {}
        self._when = 0.0

    def since_last(self, found: DeploymentStatus) -> dict[int, float]:
        now = time.monotonic()
        taken = {p.pid: p.cpu_seconds for p in found.processes if p.pid and p.cpu_seconds}
        load = {
            pid: max(0.0, seconds - self._last[pid]) / (now - self._when)
            for pid, seconds in taken.items()
            if pid in self._last
        }
        self._last, self._when = taken, now
        return load


_Show = Callable[[DeploymentStatus, dict[int, float]], None]


@contextlib.contextmanager
def _screen(output: Format) -> Iterator[_Show]:
    if output is Format.JSON:
        yield _json
    elif sys.stdout.isatty():
        with _live() as show:
            yield show
    else:
        yield _block


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _json(found: DeploymentStatus, load: dict[int, float]) -> None:
    del load
    print(json.dumps({"time": _now(), **as_data(found)}), flush=True)


def _block(found: DeploymentStatus, load: dict[int, float]) -> None:
    typer.echo("\n".join([f"--- {_now()}", *lines(found, load), ""]))
    sys.stdout.flush()


@contextlib.contextmanager
def _live() -> Iterator[_Show]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def show(found: DeploymentStatus, load: dict[int, float]) -> None:
        state, colour = ("all is well", "green") if found.is_well else ("not well", "red")
        text = Text(f"{_now()}  ").append(state, colour).append("   Ctrl-C ends this\n\n")
        for line in lines(found, load):
            bad = line.startswith("  drift:") or any(word in line for word in _BAD)
            text.append(line + "\n", "red" if bad else "")
        live.update(text, refresh=True)

    with Live(
        console=Console(highlight=False), screen=True, auto_refresh=False, vertical_overflow="crop"
    ) as live:
        yield show


_BAD = (
    *(" absent", " partial", " fatal", " backoff", " exited", " stopped", " gone", " pending"),
    *(" notready", " error", " failed", " crashloopbackoff", " imagepullbackoff", " errimagepull"),
)
