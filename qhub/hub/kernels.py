"""Where the kernels of a deployment's environments lie, by who may use them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

EVERYONE = "everyone"


def folder(directory: str | Path, group: str | None) -> Path:
    """The folder of the kernels of a group, of all people for None, as JUPYTER_PATH takes it."""
    top = Path(directory, "environments")
    return top / EVERYONE if group is None else top / "groups" / group


def jupyter_path(directory: str | Path, groups: Iterable[str]) -> str:
    """JUPYTER_PATH of somebody in these groups; what comes into the folders is seen at once."""
    return ":".join(str(folder(directory, group)) for group in (None, *groups))


def launcher(build: Path) -> Path:
    """The program of an environment that runs another one in it: `run COMMAND`."""
    return build / "run"
