"""`qhub support`."""

from pathlib import Path
from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption, folder_of


def support(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive", metavar="FILE", help="Default: qhub-support-PROJECT-DATE.tar.gz, here."
        ),
    ] = None,
    log_size: Annotated[
        int, typer.Option("--log-size", min=0, metavar="KB", help="Of each log, from its end.")
    ] = 200,
) -> None:
    """Write one archive to attach to a question: what is deployed, its state, the last of its logs.

    Passwords, tokens, keys and comments are left out. Works also where nothing else does.
    """
    from qhub.cli.console import say
    from qhub.cli.supporting import Collection

    collection = Collection(config, folder_of(config, folder), log_size * 1000)
    path = archive or Path(f"{collection.name}.tar.gz")
    size = collection.write(path)
    for name, what in collection.contents:
        typer.echo(f"{name:<28} {what}")
    typer.echo(str(path))
    say(f"{size / 1000:.0f} kB for your eyes only; look at it before you send it:")
    say(f"  tar xzf {path} && less {collection.name}/*")
