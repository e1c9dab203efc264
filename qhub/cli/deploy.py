"""`qhub deploy`."""

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

ONLY = "A stage's name, noun or number: 05-jupyterhub, jupyterhub or 05."


def deploy(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    yes: YesOption = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would change.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --plan: exit with 3 if there are changes.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the stages and files; runs no Terraform.")
    ] = False,
    first: Annotated[
        str | None, typer.Option("--from", metavar="STAGE", help=f"Start here. {ONLY}")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="STAGE", help="Just this stage.")
    ] = None,
    parallelism: Annotated[
        int, typer.Option("--parallelism", min=1, help="Stages at the same time, at most.")
    ] = 4,
    output: FormatOption = Format.TEXT,
) -> None:
    """Bring the deployment to what the configuration says. Safe to repeat."""
    from qhub.cli import deploying
    from qhub.errors import UsageError
    from qhub.runner.folder import Folder
    from qhub.runner.selection import Selection

    if exit_code and not plan:
        raise UsageError("--exit-code goes with --plan")
    run = deploying.Run(
        config=deploying.load_with_secrets(config, needed=not (plan or dry_run)),
        folder=Folder(folder_of(config, folder)),
        selection=Selection(first, last, only),
        parallelism=parallelism,
        output=output,
    )
    if dry_run:
        run.show_files()
    elif plan:
        changed = run.plan()
        raise typer.Exit(3 if changed and exit_code else 0)
    else:
        run.deploy(yes=yes)
