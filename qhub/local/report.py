"""What there is to tell of a deployment to somebody who helps, and which secrets are never told."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from qhub.local.facts import Machine

_HIDDEN = {"tokens", "password_hash", "hash", "proxy_token", "config"}
"""Keys of the settings that the deployment keeps for itself; all below them is hidden."""
_SHORTEST = 8


def secrets_of(machine: Machine) -> set[str]:
    """Every secret that the deployment made or took over, by value; none that is short."""
    found: set[str] = set()
    for pattern in ("token*", "*secret*", "*key*", "*.json"):
        for path in machine.private.rglob(pattern):
            with contextlib.suppress(OSError, UnicodeDecodeError, ValueError):
                text = path.read_text(encoding="utf-8")
                lines = text.splitlines()
                found |= set(_hidden(json.loads(text)) if path.suffix == ".json" else lines)
    return {secret.strip() for secret in found if len(secret.strip()) >= _SHORTEST}


def _hidden(value: Any, below: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _hidden(item, below or key in _HIDDEN)
    elif isinstance(value, list):
        for item in value:
            yield from _hidden(item, below)
    elif isinstance(value, str) and below:
        yield value


def packages(python_folder: Path) -> list[str]:
    """Names and versions of what is installed in an environment."""
    found = []
    for folder in python_folder.glob("lib/python3*/site-packages"):
        for part in metadata.distributions(path=[str(folder)]):
            found.append(f"{part.metadata['Name']}=={part.version}")
    return sorted(set(found), key=str.lower)


def tail(path: Path, size: int) -> str:
    """The last `size` bytes of a log, from the beginning of a line on."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        whole = file.tell() <= size
        file.seek(max(0, file.tell() - size))
        text = file.read().decode("utf-8", "replace")
    return text if whole else text.partition("\n")[2]
