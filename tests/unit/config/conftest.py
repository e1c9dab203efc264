"""Fixtures of the tests of the configuration."""

from __future__ import annotations

import pytest

from .support import HASH


@pytest.fixture
def quick_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the tenth of a second that a real hash is meant to take."""
    monkeypatch.setattr("qhub.config.start.hash_password", lambda password: HASH)
