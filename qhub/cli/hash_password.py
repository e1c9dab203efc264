"""`qhub hash-password`."""

import sys
from typing import Annotated

import typer


def hash_password(
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input, one line.")
    ] = False,
) -> None:
    """Print the hash of a password, as `security.users` takes it; asks for it twice."""
    from qhub.config.passwords import hash_password as hashed
    from qhub.errors import UsageError

    if stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise UsageError("there is no terminal to ask on", hint="qhub hash-password --stdin")
    if not password:
        raise UsageError("an empty password is none")
    typer.echo(hashed(password))
