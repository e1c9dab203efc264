"""The command line: each command is one file that parses, calls and shows.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 changes found (`deploy --plan
--exit-code`), 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from qhub import __version__
from qhub.cli.backup import backup
from qhub.cli.deploy import deploy
from qhub.cli.destroy import destroy
from qhub.cli.doctor import doctor
from qhub.cli.hash_password import hash_password
from qhub.cli.init import init
from qhub.cli.kubeconfig import kubeconfig
from qhub.cli.logs import logs
from qhub.cli.mirror import mirror
from qhub.cli.render import render
from qhub.cli.restore import restore
from qhub.cli.schema import schema
from qhub.cli.ssh_config import ssh_config
from qhub.cli.status import status
from qhub.cli.support import support
from qhub.cli.user import user
from qhub.cli.validate import validate
from qhub.errors import QhubError

app = typer.Typer(
    name="qhub",
    help="One file, one command: a data-science platform on this machine, "
    "any Kubernetes cluster or the cloud of your choice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts twice as fast and is as readable
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"qhub {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", help="Show the version.", callback=_show_version, is_eager=True
    ),
) -> None:
    """What every command shares; the docstring of the app is its help."""


_DEPLOYMENT = (init, validate, render, deploy, status, logs, backup, restore, destroy)
for command in (*_DEPLOYMENT, kubeconfig, doctor, support, schema):
    app.command()(command)
app.command("hash-password")(hash_password)
app.command("ssh-config")(ssh_config)
app.add_typer(mirror, name="mirror")
app.add_typer(user, name="user")


def main() -> None:
    """Entry point of `qhub`: the one place where an error becomes text and an exit code."""
    # Looking for pydantic plugins reads the metadata of every installed package at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Others may read what is not secret, whatever the shell allows; nobody else may write it.
    os.umask(os.umask(0o077) | 0o022)
    try:
        app()
    except QhubError as error:
        from qhub.cli.console import show_error

        show_error(error)
        sys.exit(error.exit_code)
