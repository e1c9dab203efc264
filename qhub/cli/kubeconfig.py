"""`qhub kubeconfig`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption, folder_of


def kubeconfig(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write it there, for you alone."),
    ] = None,
    env: Annotated[
        bool, typer.Option("--env", help="Print what leads Terraform, run by hand, to the cluster.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print it on a terminal, too.")] = False,
) -> None:
    """Print a kubeconfig that leads to the deployment's cluster and namespace, and nowhere else.

    It holds credentials, so that a terminal gets it by --show alone. With --env, for Terraform in
    a folder of stages/: eval "$(qhub kubeconfig --env)".
    """
    from qhub.cli.console import say
    from qhub.config import load
    from qhub.errors import UsageError
    from qhub.runner import kubeconfig as runner
    from qhub.runner.folder import Folder

    loaded, deployment = load(config), Folder(folder_of(config, folder))
    if env:
        for name, value in runner.environment(loaded, deployment).items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        return
    found = runner.kubeconfig(loaded, deployment)
    if output:
        found.write(output)
        say(f"next: kubectl --kubeconfig {shlex.quote(str(output))} get pods")
        return
    if found.is_secret and sys.stdout.isatty() and not show:
        raise UsageError(
            "the kubeconfig holds credentials, which a terminal would show",
            "--output FILE writes it for you alone, --show prints it all the same",
        )
    typer.echo(found.text, nl=False)
