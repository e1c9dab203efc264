"""`qhub render`."""

import dataclasses
import json
from typing import Annotated

import typer

from qhub.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    FolderOption,
    Format,
    FormatOption,
    folder_of,
)


def render(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be written.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write the Terraform modules to stages/, to be read, committed or run with plain Terraform."""
    from qhub.cli.console import say
    from qhub.cli.deploying import show_written
    from qhub.config import load
    from qhub.runner.folder import Folder
    from qhub.runner.render import compare, write_files
    from qhub.runner.render import render as run

    files = run(load(config))
    deployment = Folder(folder_of(config, folder))
    written = compare(files, deployment) if dry_run else write_files(files, deployment)
    if output is Format.JSON:
        typer.echo(json.dumps(dataclasses.asdict(written)))
        return
    show_written(written)
    if not written:
        say(f"{deployment.stages} is up to date")
