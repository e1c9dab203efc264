"""`qhub ssh-config`."""

from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption, folder_of


def ssh_config(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="NAME", help="Whose block it is.  [default: the only user]"),
    ] = None,
    known_hosts: Annotated[
        bool, typer.Option("--known-hosts", help="Print the line for ~/.ssh/known_hosts instead.")
    ] = False,
) -> None:
    """Print the block for ~/.ssh/config that leads to the deployment: `ssh PROJECT`."""
    from qhub.config import load
    from qhub.runner import ssh
    from qhub.runner.folder import Folder

    loaded = load(config)
    name = ssh.chosen_user(loaded, user)
    outputs = ssh.ssh_outputs(loaded, Folder(folder_of(config, folder)))
    if known_hosts:
        typer.echo(ssh.known_hosts(outputs))
    else:
        typer.echo(ssh.config_block(loaded, outputs, name))
