"""`qhub validate`."""

import dataclasses
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption

if TYPE_CHECKING:
    from qhub.errors import Problem


class ReportFormat(StrEnum):
    """How problems are printed: for people, for programs, for GitHub's workflows."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate(
    config: ConfigOption = DEFAULT_CONFIG,
    output: Annotated[
        ReportFormat, typer.Option("--output", help="For people, programs or GitHub workflows.")
    ] = ReportFormat.TEXT,
) -> None:
    """Check the configuration: every problem with its place. Needs no network and no secrets."""
    from qhub.config import check, missing_secrets

    report = check(config)
    problems = [*report.problems]
    if report.config is not None:
        problems += missing_secrets(report.config)
    valid = report.config is not None
    if output is ReportFormat.JSON:
        found = [dataclasses.asdict(problem) for problem in problems]
        typer.echo(json.dumps({"file": str(config), "valid": valid, "problems": found}, indent=2))
    elif output is ReportFormat.GITHUB:
        for problem in problems:
            typer.echo(annotation(problem))
    else:
        _show(str(config), problems, valid)
    raise typer.Exit(0 if valid else 2)


def _show(file: str, problems: Sequence["Problem"], valid: bool) -> None:
    from qhub.cli.console import say, show_problem

    for problem in problems:
        show_problem(problem)
    count = len(problems)
    if not valid:
        say(f"{count} problem{'s'[: count != 1]} in {file}", fg="red")
    else:
        typer.echo(f"{file} is valid" + (f", {count} warning{'s'[: count != 1]}" if count else ""))


def annotation(problem: "Problem") -> str:
    """The problem as a workflow command of GitHub Actions."""
    place = {"file": problem.file}
    if problem.line:
        place |= {"line": str(problem.line), "col": str(problem.column)}
    where = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in place.items())
    text = problem.message + (f"\n{problem.hint}" if problem.hint else "")
    return f"::{problem.severity} {where}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
