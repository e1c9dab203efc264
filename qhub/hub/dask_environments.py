"""Where a person's Dask clusters can run: the environments of their kernels that have Dask-Gateway.

Scheduler and workers of a cluster run in the environment of the notebook that asks for it, unless
it names another: so both have the same packages, of the same versions. A kernel says which one it
is by `variable`, which Dask reads as the default of the cluster option.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import kernels
from .account import Account

OPTION = "conda_environment"
"""Name of the cluster option; classic QHub's."""
OWN = "python3"
"""The environment of people's servers; its name is that of its kernel."""


def variable(name: str) -> dict[str, str]:
    """What a kernel has in its environment; quoted, since Dask takes `3.10` for a number."""
    return {f"DASK_GATEWAY__CLUSTER__OPTIONS__{OPTION.upper()}": repr(name)}


@dataclass(frozen=True)
class DaskEnvironment:
    """A folder with Python, Dask and Dask-Gateway.

    Args:
        prefix: the folder; that of one build, so that all workers of a cluster have the same.
        launcher: sets up what the environment needs and runs a program in it, where it has one.
    """

    prefix: Path
    launcher: Path | None = None

    def command(self, *arguments: str) -> list[str]:
        """How to run `dask` in it."""
        program = [str(self.prefix / "bin" / "dask"), *arguments]
        return [str(self.launcher), *program] if self.launcher else program


def offered(account: Account) -> dict[str, DaskEnvironment]:
    """The environments that somebody can choose from, that of their own server first."""
    found = {OWN: DaskEnvironment(Path(account.python).parents[1])}
    found.update((name, DaskEnvironment(prefix)) for name, prefix in _made_by(account.home))
    for group in (None, *account.gids):
        for link in sorted(kernels.folder(account.directory, group).glob("kernels/*")):
            prefix = link.resolve().parent  # …/builds/NAME/HASH/kernel
            if _has_dask(prefix):
                found[prefix.parent.name] = DaskEnvironment(prefix, kernels.launcher(prefix))
    return found


def _made_by(home: Path) -> Iterator[tuple[str, Path]]:
    folder = home / ".local" / "share" / "qhub" / "environments"
    try:
        links = sorted(path for path in folder.iterdir() if path.is_symlink())
    except OSError:
        return
    for link in links:
        prefix = folder / link.readlink()
        if _has_dask(prefix):
            yield link.name, prefix


def _has_dask(prefix: Path) -> bool:
    try:
        packages = prefix.glob("lib/python3*/site-packages/dask_gateway/scheduler_preload.py")
        return (prefix / "bin" / "dask").exists() and any(packages)
    except OSError:
        return False
