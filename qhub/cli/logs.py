"""`qhub logs`."""

from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption, folder_of


def logs(
    name: Annotated[
        str | None, typer.Argument(help="Whose log: hub, proxy, …; nothing lists them.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as it grows.")] = False,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=0, help="Lines from the end to start with.")
    ] = 50,
) -> None:
    """Show what a part of the deployment logged, or the last run of qhub itself (`deploy`)."""
    from qhub.config import load
    from qhub.runner import logs as runner
    from qhub.runner.folder import Folder

    found = runner.logs(load(config), Folder(folder_of(config, folder)))
    if name is None:
        for known, log in found.items():
            typer.echo(f"{known:<16} {log.place}")
        return
    for line in runner.find_log(name, found).lines(lines, follow=follow):
        typer.echo(line)
