"""What follows a change of the configuration file: a deploy, now or later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DeployOption = Annotated[
    bool, typer.Option("--deploy", help="Deploy at once, without asking; else that comes next.")
]


def deploy_or_say(config: Path, folder: Path | None, *, now: bool) -> None:
    """Bring the change to the deployment, or say how that is done."""
    from qhub.cli import deploying
    from qhub.cli.console import say
    from qhub.cli.options import DEFAULT_CONFIG, Format, folder_of
    from qhub.runner.folder import Folder
    from qhub.runner.selection import WHOLE

    if not now:
        where = "" if config == DEFAULT_CONFIG else f" -c {config}"
        say(f"next: qhub deploy{where}" + (f" -o {folder}" if folder else ""))
        return
    deploying.Run(
        config=deploying.load_with_secrets(config, needed=True),
        folder=Folder(folder_of(config, folder)),
        selection=WHOLE,
        parallelism=4,
        output=Format.TEXT,
    ).deploy(yes=True)
