"""What tests use that is no part of the repository: where it is, or the reason why it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def shared(name: str) -> Path:
    """A folder of `$QHUB_SHARED`, or of `shared` beside the checkout; skips where it isn't there.

    It may hold `schema-provider` and `terraform-schemas` (a Terraform provider that knows only
    schemas), `chart-schemas` (of the charts' values) and `lab` (a cluster on this machine).
    """
    folder = Path(os.environ.get("QHUB_SHARED") or ROOT.parent / "shared", name).resolve()
    if not folder.is_dir():
        pytest.skip(f"{name} is not at hand (neither in $QHUB_SHARED nor in ../shared)")
    return folder


def mirror(name: str) -> Path | None:
    """A folder of the mirror that `$QHUB_TEST_MIRROR` names: `providers`, `charts`."""
    place = os.environ.get("QHUB_TEST_MIRROR")
    folder = Path(place, name).resolve() if place else None
    return folder if folder and folder.is_dir() else None
