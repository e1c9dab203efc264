"""`qhub restore`."""

import json
from pathlib import Path
from typing import Annotated

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

SHOWN = 10


def restore(
    target: Annotated[Path, typer.Argument(help="What `qhub backup` wrote: a folder or a file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="ID", help="Which backup.  [default: the newest]")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only list the backups.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only look whether the backup is undamaged.")
    ] = False,
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="NAME", help="Only this person's home.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Only its shared folder.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option("--path", help="Only this: homes/NAME/notebook.ipynb, say."),
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only files that are gone; leave all others.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also from a deployment of another name.")
    ] = False,
    yes: YesOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Put back what a backup holds, into what is deployed; what came later is kept."""
    from qhub.backup.restore import Selection
    from qhub.cli.console import confirm, say
    from qhub.cli.progress import elapsed, interval, shown
    from qhub.runner import restore as runner
    from qhub.runner.folder import Folder

    if listing:
        _list(target, output)
        return
    selection = Selection(_paths(user, group, path), missing)
    if check:
        with shown(output) as report:
            header = runner.check(target, report, backup=at, selection=selection, every=interval())
        if output is Format.JSON:
            typer.echo(json.dumps({"type": "result", "id": header.id, "undamaged": True}))
        else:
            what = ", ".join(selection.paths) or f"{header.files} files"
            say(f"{header.id} is undamaged: {what}")
        return
    if selection.whole:
        say(
            "ends everybody's server and Dask clusters; "
            "files and the hub's database become those of the backup"
        )
    confirm("Restore?", yes=yes, command="restore")
    with shown(output) as report:
        done = runner.restore(
            Folder(folder_of(config, folder)),
            target,
            report,
            backup=at,
            selection=selection,
            force=force,
            every=interval(),
        )
    if output is Format.JSON:
        result = {
            "type": "result",
            "id": done.header.id,
            **vars(done.restored),
            "failed": [{"path": path, "reason": why} for path, why in done.restored.failed],
            "seconds": round(done.seconds, 2),
        }
        typer.echo(json.dumps(result))
    else:
        _show_failed(done.restored.failed)
        say(f"restored {done.header.id} in {elapsed(done.seconds)}")
    raise typer.Exit(1 if done.restored.failed else 0)


def _paths(
    users: list[str] | None, groups: list[str] | None, paths: list[str] | None
) -> tuple[str, ...]:
    return (
        *(f"homes/{name}" for name in users or ()),
        *(f"shared/{name}" for name in groups or ()),
        *(one.strip("/") for one in paths or ()),
    )


def _list(target: Path, output: Format) -> None:
    from qhub.runner.restore import listed
    from qhub.runner.saving import amount

    found = listed(target)
    if output is Format.JSON:
        kept = ("id", "created", "project_name", "namespace", "qhub", "files", "bytes")
        typer.echo(json.dumps([{key: getattr(one, key) for key in kept} for one in found]))
        return
    for one in found:
        typer.echo(f"{one.id}  {one.files:>9} files  {amount(one.bytes):>9}  {one.project_name}")


def _show_failed(failed: list[tuple[str, str]]) -> None:
    from qhub.backup.manifest import shown
    from qhub.cli.console import say

    for path, reason in failed[:SHOWN]:
        say(f"not put back: {shown(path)} ({reason})")
    if failed[SHOWN:]:
        say(f"not put back: {len(failed) - SHOWN} more; all of them: qhub logs restore")
