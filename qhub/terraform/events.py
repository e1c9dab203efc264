"""Terraform's JSON event stream (`-json`), as far as a person wants to know of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Changes:
    """How many resources an operation adds, changes and destroys."""

    add: int = 0
    change: int = 0
    destroy: int = 0

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.destroy)

    def __str__(self) -> str:
        if not self:
            return "no changes"
        parts = [
            (self.add, "to add"),
            (self.change, "to change"),
            (self.destroy, "to destroy"),
        ]
        return ", ".join(f"{count} {word}" for count, word in parts if count)


@dataclass(frozen=True)
class Event:
    """One line of the stream.

    `kind` is Terraform's `type` (`planned_change`, `provision_progress`, `diagnostic`, …), `text`
    for a line that is not JSON, `stderr` for one of the other stream; `address` what it speaks
    of; `action` what is planned for it (`create`, `update`, `replace`, `delete`); `detail` a
    diagnostic's explanation.
    """

    kind: str
    message: str
    level: str = "info"
    address: str = ""
    action: str = ""
    detail: str = ""
    changes: Changes | None = None

    @property
    def is_error(self) -> bool:
        return self.kind == "diagnostic" and self.level == "error"


def parse(line: str) -> Event:
    """Read one line of Terraform's output; never fails."""
    try:
        data = json.loads(line)
    except ValueError:
        data = None
    if not isinstance(data, dict) or "@message" not in data:
        return Event("text", line.rstrip())
    kind = str(data.get("type", "log"))
    change = data.get("change") or data.get("hook") or {}
    diagnostic = data.get("diagnostic") or {}
    return Event(
        kind=kind,
        message=_message(kind, data, change, diagnostic),
        level=diagnostic.get("severity") or data.get("@level", "info"),
        address=(change.get("resource") or {}).get("addr", "") or diagnostic.get("address", ""),
        action=change.get("action", ""),
        detail=diagnostic.get("detail", ""),
        changes=_changes(data) if kind == "change_summary" else None,
    )


def _message(
    kind: str, data: dict[str, Any], change: dict[str, Any], diagnostic: dict[str, Any]
) -> str:
    if kind == "provision_progress":
        return str(change.get("output", ""))
    return str(diagnostic.get("summary") or data["@message"])


def _changes(data: dict[str, Any]) -> Changes:
    counts = data.get("changes") or {}
    return Changes(counts.get("add", 0), counts.get("change", 0), counts.get("remove", 0))
