"""By which labels a deployment's own objects are known."""

from __future__ import annotations

from typing import Any

OWNER, PART = "app.kubernetes.io/instance", "app.kubernetes.io/part-of"
"""Which deployment it is of, and that it is one of qhub's."""


def is_own(metadata: dict[str, Any], deployment: str) -> bool:
    """Whether an object carries the labels of a deployment."""
    labels = metadata.get("labels") or {}
    return labels.get(PART) == "qhub" and labels.get(OWNER) == deployment
