"""Terraform's JSON event stream (`-json`), as far as a person wants to know of it."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Changes:
    """How many resources an operation makes, makes anew, changes, destroys and puts right in place.

    The last is not Terraform's doing: it sees only what its providers tell.
    """

    create: int = 0
    replace: int = 0
    update: int = 0
    delete: int = 0
    repair: int = 0

    def __bool__(self) -> bool:
        return any(dataclasses.astuple(self))

    def __str__(self) -> str:
        counts = [
            f"{count} to {action}" for action, count in dataclasses.asdict(self).items() if count
        ]
        return ", ".join(counts) or "no changes"

    @property
    def done(self) -> str:
        """The same once it has been done: `2 created, 1 replaced`."""
        return re.sub(r"to (\w+?)e?\b", r"\1ed", str(self))

    def plus(self, action: str) -> Changes:
        """These and one more resource; other actions (`noop`, `read`) count for nothing."""
        counts = dataclasses.asdict(self)
        if action in counts:
            counts[action] += 1
        return Changes(**counts)


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
    )


def _message(
    kind: str, data: dict[str, Any], change: dict[str, Any], diagnostic: dict[str, Any]
) -> str:
    if kind == "provision_progress":
        return str(change.get("output", ""))
    return str(diagnostic.get("summary") or data["@message"])
