"""`qhub status`."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

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
    from qhub.stages.base import Process


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Go on looking until Ctrl-C, which exits with 0.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.5, help="With --watch: seconds between two looks.")
    ] = 2.0,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show stages, what runs, addresses, users online and drift; exit code 1 unless all is well."""
    from qhub.config import load
    from qhub.runner.folder import Folder
    from qhub.runner.status import status as look

    deployment = Folder(folder_of(config, folder))
    if watch:
        from qhub.cli.watching import watch as go_on

        go_on(config, deployment, interval, output)
        raise typer.Exit
    found = look(load(config), deployment)
    if output is Format.JSON:
        typer.echo(json.dumps(as_data(found)))
    else:
        for line in lines(found):
            typer.echo(line)
    raise typer.Exit(0 if found.is_well else 1)


def as_data(found: "DeploymentStatus") -> dict[str, object]:
    """A status as programs read it."""
    return {**dataclasses.asdict(found), "is_well": found.is_well}


def lines(found: "DeploymentStatus", load: dict[int, float] | None = None) -> list[str]:
    """A status as people read it; `load` is processors in use by process id, where known."""
    shown = []
    for stage in found.stages:
        pending = "  (the configuration changed since)" if stage.pending else ""
        shown.append(f"{stage.name:<24} {stage.state}{pending}")
        shown += [f"  drift: {drift}" for drift in stage.drift]
    shown += [_process(process, load or {}) for process in found.processes]
    shown += [
        _row(f"release {one.name}", one.state, f"{one.chart} {one.version}", f"no. {one.revision}")
        for one in found.releases
    ]
    shown += [
        _row(f"volume {one.name}", one.state.lower(), one.size, one.storage_class)
        for one in found.volumes
    ]
    shown += [
        _row(f"certificate {one.name}", f"until {one.expires[:10]}", f"by {one.issuer}")
        for one in found.certificates
    ]
    shown += [f"{address.label:<24} {address.url}" for address in found.addresses]
    if found.processes:
        shown.append(f"{'users online':<24} {', '.join(found.users_online) or 'none'}")
    return shown + [f"note: {notice}" for notice in found.notices]


def _row(name: str, state: str, *more: str) -> str:
    return "  ".join([f"{name:<24} {state:<8}", *more]).rstrip()


def _process(process: "Process", load: dict[int, float]) -> str:
    from qhub.cli.progress import elapsed

    line = f"{process.name:<24} {process.state.lower():<8}"
    if process.pid:
        line += f"  pid {process.pid:<7}"
    if process.uptime_seconds:
        line += f" up {elapsed(process.uptime_seconds):>9}"
    if process.memory_bytes is not None:
        line += f"  {process.memory_bytes / 1024**2:>5.0f} MB"
    if process.restarts:
        line += f"  {process.restarts} restarts"
    if process.pid in load:
        line += f"  {load[process.pid]:>4.0%} CPU"
    return line.rstrip()
