"""`qhub user list`."""

import json
from pathlib import Path
from typing import Any

import typer

from qhub.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    FolderOption,
    Format,
    FormatOption,
    folder_of,
)


def list_users(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """List the people of the configuration file, and whose server runs."""
    from qhub.config import load

    found = load(config)
    online = _online(folder_of(config, folder))
    people = [
        {
            "name": name,
            "uid": user.uid,
            "groups": user.groups,
            "admin": found.is_admin(name),
            "online": None if online is None else name in online,
        }
        for name, user in found.security.users.items()
    ]
    if output is Format.JSON:
        typer.echo(json.dumps(people))
        return
    rows = [("NAME", "UID", "ADMIN", "ONLINE", "GROUPS"), *map(_row, people)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _row(person: dict[str, Any]) -> tuple[str, ...]:
    words = {True: "yes", False: "no", None: "?"}
    return (
        person["name"],
        str(person["uid"]),
        words[person["admin"]],
        words[person["online"]],
        ", ".join(person["groups"]),
    )


def _online(folder: Path) -> list[str] | None:
    """Whose server runs; None where no hub of this deployment answers."""
    from qhub.local.facts import Machine
    from qhub.local.hubapi import HubApi
    from qhub.stages.infrastructure import FACTS

    try:
        machine = Machine.load(folder / FACTS)
        return HubApi(machine).online() if machine and machine.private.is_dir() else None
    except (OSError, ValueError):
        return None
