"""`qhub user …`: the people of a deployment, in the configuration file. A file a command."""

import typer

from qhub.cli.user.add import add
from qhub.cli.user.list import list_users
from qhub.cli.user.passwd import passwd
from qhub.cli.user.remove import remove
from qhub.cli.user.token import token

user = typer.Typer(
    help="Add and remove people, set their passwords, give out tokens.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
user.command()(add)
user.command("list")(list_users)
user.command()(passwd)
user.command()(remove)
user.command()(token)
