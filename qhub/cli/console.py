"""How things look on a terminal: data on stdout, messages on stderr, colour only for a person."""

from __future__ import annotations

import os
import sys

import typer

from qhub.errors import ConfigError, Problem, QhubError


def say(text: str = "", **style: object) -> None:
    """Print a message on stderr; styled only where that is a terminal and NO_COLOR is unset."""
    if os.environ.get("NO_COLOR"):
        typer.echo(text, err=True, nl=bool(style.get("nl", True)))
    else:
        typer.secho(text, err=True, **style)  # type: ignore[arg-type]


def show_error(error: QhubError) -> None:
    """Print an error as people read it: what is wrong, where, what to do."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            show_problem(problem)
    say(f"error: {error.message}", fg="red")
    if error.hint:
        say(f"hint: {error.hint}")


def show_problem(problem: Problem) -> None:
    """Print one problem of a configuration file the way compilers do."""
    colour = "red" if problem.severity == "error" else "yellow"
    say(f"{problem.place}: ", nl=False, bold=True)
    say(f"{problem.severity}: ", nl=False, fg=colour)
    say(problem.message)
    if problem.source is not None:
        gutter = f"{problem.line:>5} | "
        say(f"{gutter}{problem.source}")
        # Tabs are kept in the margin so that the caret stands under its column.
        margin = "".join("\t" if c == "\t" else " " for c in problem.source[: problem.column - 1])
        say(f"{' ' * (len(gutter) - 2)}| {margin}^", fg=colour)
    if problem.hint:
        say(f"      hint: {problem.hint}")


def is_terminal() -> bool:
    """Whether a person can be asked: both ends are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool, command: str, name: str | None = None) -> None:
    """Ask before something that changes things.

    Args:
        question: What is asked.
        yes: Whether the answer was given in advance.
        command: The command that asks.
        name: What has to be typed to go on, where that can't be undone; None: a yes does.

    Raises:
        UsageError: Nobody can be asked and `--yes` was not given, or another name was typed.
        typer.Exit: The answer is no.
    """
    from qhub.errors import UsageError

    if yes:
        return
    if not is_terminal():
        raise UsageError(
            f"{command} changes things and there is no terminal to ask on",
            hint=f"add --yes: qhub {command} --yes",
        )
    if name is None:
        if not typer.confirm(question, err=True):
            raise typer.Exit(1)
    elif typer.prompt(question, err=True, default="", show_default=False).strip() != name:
        raise UsageError(f"that is not {name}; nothing was changed")
