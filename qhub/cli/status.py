"""`qhub status`."""

import dataclasses
import json
from typing import TYPE_CHECKING

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
    from qhub.runner.status import DeploymentStatus


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show stages, processes, addresses, users online and drift; exit code 1 unless all is well."""
    from qhub.config import load
    from qhub.runner.folder import Folder
    from qhub.runner.status import status as look

    found = look(load(config), Folder(folder_of(config, folder)))
    if output is Format.JSON:
        typer.echo(json.dumps({**dataclasses.asdict(found), "is_well": found.is_well}))
    else:
        _show(found)
    raise typer.Exit(0 if found.is_well else 1)


def _show(found: "DeploymentStatus") -> None:
    from qhub.cli.progress import elapsed

    for stage in found.stages:
        pending = "  (the configuration changed since)" if stage.pending else ""
        typer.echo(f"{stage.name:<24} {stage.state}{pending}")
        for drift in stage.drift:
            typer.echo(f"  drift: {drift}")
    for process in found.processes:
        where = f"  process {process.pid}" if process.pid else ""
        since = f", up {elapsed(process.uptime_seconds)}" if process.uptime_seconds else ""
        typer.echo(f"{process.name:<24} {process.state.lower()}{where}{since}")
    for address in found.addresses:
        typer.echo(f"{address.label:<24} {address.url}")
    if found.processes:
        typer.echo(f"{'users online':<24} {', '.join(found.users_online) or 'none'}")
    for notice in found.notices:
        typer.echo(f"note: {notice}")
