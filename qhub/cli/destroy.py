"""`qhub destroy`."""

import json
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


def destroy(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    yes: YesOption = False,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Leave users' homes and shared folders.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take the deployment down, from what was last applied; the configuration file stays."""
    from qhub.cli.console import confirm, say
    from qhub.cli.progress import elapsed, shown
    from qhub.runner.destroy import destroy as run
    from qhub.runner.folder import Folder
    from qhub.runner.record import Record

    deployment = Folder(folder_of(config, folder))
    stages = deployment.applied_stages()
    if stages:
        data = "users' files are kept" if keep_data else "with all users' files"
        say(f"destroys {', '.join(reversed(stages))} of {deployment.root}, {data}")
        name = Record.load(deployment).project_name
        if keep_data or not name:
            confirm("Destroy?", yes=yes, command="destroy")
        else:  # nothing brings people's files back
            question = f"Type the project's name, {name}, to destroy it"
            confirm(question, yes=yes, command="destroy", name=name)
    with shown(output) as report:
        result = run(deployment, report, keep_data=keep_data)
    if output is Format.JSON:
        typer.echo(
            json.dumps(
                {
                    "type": "result",
                    "destroyed": result.stages,
                    "kept": result.kept,
                    "seconds": round(result.seconds, 2),
                }
            )
        )
    elif result.stages:
        for line in result.kept:
            say(line)
        say(f"destroyed in {elapsed(result.seconds)}")
    else:
        say(f"nothing is deployed from {deployment.root}")
