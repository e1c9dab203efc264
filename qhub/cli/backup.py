"""`qhub backup`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qhub.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    FolderOption,
    Format,
    FormatOption,
    YesOption,
    folder_of,
)

if TYPE_CHECKING:
    from qhub.runner.backup import BackedUp

SHOWN = 10


def backup(
    target: Annotated[
        Path, typer.Argument(help="A folder, made where it is missing, or a file NAME.tar.zst.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    stop_servers: Annotated[
        bool,
        typer.Option(
            "--stop-servers", help="End servers and Dask clusters first; nobody works meanwhile."
        ),
    ] = False,
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="Backups that the folder keeps, the newest.")
    ] = 7,
    yes: YesOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Save homes, shared folders, the hub's database and the configuration; safe to repeat."""
    from qhub.cli.console import confirm
    from qhub.cli.progress import interval, shown
    from qhub.runner.backup import backup as run
    from qhub.runner.folder import Folder

    if stop_servers:
        confirm(
            "End everybody's server and Dask clusters?", yes=yes, command="backup --stop-servers"
        )
    with shown(output) as report:
        done = run(
            Folder(folder_of(config, folder)),
            config,
            target,
            report,
            stop_servers=stop_servers,
            keep=keep,
            every=interval(),
        )
    if output is Format.JSON:
        typer.echo(json.dumps(_result(done)))
    else:
        _show(done, target, config)
    raise typer.Exit(1 if done.tally.unreadable else 0)


def _result(done: "BackedUp") -> dict[str, object]:
    tally = done.tally
    return {
        "type": "result",
        "id": done.header.id,
        "files": done.header.files,
        "bytes": done.header.bytes,
        "copied": tally.copied,
        "copied_bytes": tally.copied_bytes,
        "config": done.config,
        "unreadable": [vars(one) for one in tally.unreadable],
        "left_out": [vars(one) for one in tally.left_out],
        "unsettled": tally.unsettled,
        "seconds": round(done.seconds, 2),
    }


def _show(done: "BackedUp", target: Path, config: Path) -> None:
    from qhub.cli.console import say
    from qhub.cli.progress import elapsed

    tally = done.tally
    if not done.config:
        say(f"note: there is no {config}, so the backup holds no configuration")
    _show_some("not saved, as no backup can hold it", [(o.path, o.reason) for o in tally.left_out])
    changing = [(path, "as it was at the last try") for path in tally.unsettled]
    _show_some("changed while it was read", changing)
    _show_some("COULD NOT BE READ", [(o.path, o.reason) for o in tally.unreadable])
    say(f"backed up in {elapsed(done.seconds)}: {done.header.id}")
    typer.echo(str(target))


def _show_some(title: str, found: list[tuple[str, str]]) -> None:
    from qhub.backup.manifest import shown
    from qhub.cli.console import say

    for path, reason in found[:SHOWN]:
        say(f"{title}: {shown(path)} ({reason})")
    if found[SHOWN:]:
        say(f"{title}: {len(found) - SHOWN} more; all of them: --output json")
