"""Where a new password comes from: typed, piped in, or made at random and shown once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
]
GenerateOption = Annotated[
    bool, typer.Option("--generate", help="Make one and show it; also done where nobody can type.")
]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="PATH",
        help="Make one and write it to this file, for you alone, instead of showing it.",
    ),
]


@dataclass(frozen=True)
class Chosen:
    """A password; `is_new` where qhub made it up, so that somebody has to be told."""

    text: str
    is_new: bool = False
    file: Path | None = None

    @property
    def hash(self) -> str:
        """As the configuration takes it."""
        from qhub.config.passwords import hash_password

        return hash_password(self.text)

    def tell(self, note: str = "shown only now; the file holds its hash") -> None:
        """Show a password that was made up, or say where it was written."""
        if self.is_new and self.file is None:
            typer.echo(f"password: {self.text}   ({note})")
        elif self.file is not None:
            typer.echo(f"password: in {self.file}")


def choose(*, stdin: bool, generate: bool, file: Path | None) -> Chosen:
    """The new password, as the options say.

    Raises:
        UsageError: The options contradict each other, or the password is empty.
    """
    from qhub.cli.console import is_terminal
    from qhub.config.passwords import random_password
    from qhub.errors import UsageError

    if stdin and (generate or file):
        raise UsageError(
            "--password-stdin takes a password, the other option makes one", "Give one of them."
        )
    if file or generate or not (stdin or is_terminal()):
        return Chosen(random_password(), is_new=True, file=file)
    if stdin:
        text = sys.stdin.readline().rstrip("\r\n")
    else:
        text = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not text:
        raise UsageError("an empty password is none", "--generate makes one")
    return Chosen(text)
