"""Doing things in the order of their dependencies, side by side where it allows that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import Any, Protocol, TypeVar

from qhub.errors import QhubError


class Sortable(Protocol):
    """Has an order among its like."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __hash__(self) -> int: ...


Name = TypeVar("Name", bound=Sortable)


def walk(
    needs: Mapping[Name, Sequence[Name]],
    work: Callable[[Name], None],
    *,
    parallelism: int,
    stop: threading.Event,
    go_on: bool = False,
) -> dict[Name, QhubError]:
    """Call `work(name)` for each name once all that it needs is done, the first by name first.

    Args:
        needs: For each name those that must come first; names not in it are taken as done.
        work: Does one; raises `QhubError` when that fails.
        parallelism: How many at the same time, at most.
        stop: Once set, nothing new is started.
        go_on: Whether a failure leaves the rest to run, also what needs the one that failed.

    Returns:
        The errors, by name, in the order they came.
    """
    sorter = TopologicalSorter(
        {name: [need for need in first if need in needs] for name, first in needs.items()}
    )
    sorter.prepare()
    failed: dict[Name, QhubError] = {}
    running: dict[Future[None], Name] = {}
    ready: list[Name] = []
    with ThreadPoolExecutor(max_workers=parallelism) as pool:
        while sorter.is_active():
            ready = sorted([*ready, *sorter.get_ready()])
            if not stop.is_set() and (go_on or not failed):
                free = parallelism - len(running)
                running.update({pool.submit(work, name): name for name in ready[:free]})
                ready = ready[free:]
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                error = future.exception()
                if isinstance(error, QhubError):
                    failed[name] = error
                elif error is not None:
                    raise error
                sorter.done(name)
    return failed
