"""What is told of a wait."""

from __future__ import annotations

import pytest

from qhub.kubernetes import waiting
from qhub.kubernetes.waiting import Waiting


def test_what_is_over_in_a_moment_is_not_told() -> None:
    news: list[str] = []
    wait = Waiting(news.append)
    wait.on("a node")
    assert news == []
    assert not wait.is_news


def test_each_reason_is_told_once_and_by_its_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOMENT_SECONDS", 0.0)
    news: list[str] = []
    wait = Waiting(news.append)
    for reason in ("a node", "a node", "an image\nfrom far away"):
        wait.on(reason)
    assert news == ["waiting: a node", "waiting: an image"]
