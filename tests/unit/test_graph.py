"""The order in which stages run."""

from __future__ import annotations

import threading

import pytest

from qhub.errors import StageError
from qhub.runner.graph import walk

NEEDS = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_each_comes_after_what_it_needs() -> None:
    order: list[str] = []
    assert walk(NEEDS, order.append, parallelism=4, stop=threading.Event()) == {}
    assert order[0] == "a"
    assert order[-1] == "d"
    assert sorted(order) == ["a", "b", "c", "d"]


def test_independent_ones_run_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=5)

    def work(name: str) -> None:
        if name in "bc":
            together.wait()

    assert walk(NEEDS, work, parallelism=2, stop=threading.Event()) == {}


def failing_at(bad: str, order: list[str]) -> object:
    def work(name: str) -> None:
        order.append(name)
        if name == bad:
            raise StageError(name, "no luck")

    return work


def test_a_failure_starts_nothing_new() -> None:
    order: list[str] = []
    errors = walk(NEEDS, failing_at("b", order), parallelism=1, stop=threading.Event())  # type: ignore[arg-type]
    assert list(errors) == ["b"]
    assert "d" not in order


def test_going_on_past_a_failure() -> None:
    order: list[str] = []
    errors = walk(
        NEEDS,
        failing_at("b", order),  # type: ignore[arg-type]
        parallelism=1,
        stop=threading.Event(),
        go_on=True,
    )
    assert list(errors) == ["b"]
    assert sorted(order) == ["a", "b", "c", "d"]


def test_a_stop_starts_nothing_new() -> None:
    stop = threading.Event()
    order: list[str] = []

    def work(name: str) -> None:
        order.append(name)
        stop.set()

    walk(NEEDS, work, parallelism=4, stop=stop)
    assert order == ["a"]


def test_a_bug_is_not_swallowed() -> None:
    def work(name: str) -> None:
        raise ZeroDivisionError(name)

    with pytest.raises(ZeroDivisionError):
        walk(NEEDS, work, parallelism=1, stop=threading.Event())
