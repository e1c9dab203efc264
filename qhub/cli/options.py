"""Options that several commands share, spelled once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("qhub-config.yaml")

ConfigOption = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="The configuration file.")
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output-dir",
        metavar="DIR",
        help="Where stages, state and logs are kept.  [default: the configuration file's folder]",
    ),
]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")]


class Format(StrEnum):
    """How a command prints: for people or for programs."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--output", help="Print for people or for programs.")]


def folder_of(config: Path, folder: Path | None) -> Path:
    """The deployment's folder: what `-o` says, else where the configuration file lies."""
    return (folder or config.parent).absolute()
