"""`qhub user list`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from qhub.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    FolderOption,
    Format,
    FormatOption,
    folder_of,
)

if TYPE_CHECKING:
    from qhub.config import Config


def list_users(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """List the people of the configuration file, and whose server runs."""
    from qhub.config import load

    found = load(config)
    deployment = folder_of(config, folder)
    online = _online(deployment) if found.provider == "local" else _online_there(found, deployment)
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


def _online_there(config: "Config", folder: Path) -> list[str] | None:
    """Whose server runs in a cluster; None where that can't be asked."""
    from qhub.errors import QhubError
    from qhub.runner.folder import Folder
    from qhub.runner.status import online

    try:
        return online(config, Folder(folder))
    except QhubError:
        return None
