"""Namespaces of conda-store, on a machine or in pods: whose they are, and where their kernels lie.

    conda-store/store/NAMESPACE                   the builds; only who sees the namespace may enter
    conda-store/store/NAMESPACE/jupyter/kernels   a kernel for each environment that can be one

One for everybody, one a group, one a person. Where a person bears the name of a group, the
namespace of that name is the group's.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from pathlib import Path

PLACE = "conda-store"
IN_PODS = "/opt/qhub"
"""What stands for the folder of the deployment in containers."""


def place(directory: str | Path) -> Path:
    """Where all of conda-store is."""
    return Path(directory, PLACE)


def store(directory: str | Path) -> Path:
    """Where all builds are."""
    return place(directory) / "store"


def folder(directory: str | Path, namespace: str) -> Path:
    """Where the builds of a namespace are."""
    return store(directory) / namespace


def jupyter(directory: str | Path, namespace: str) -> Path:
    """Where the kernels of a namespace are, as JUPYTER_PATH takes it."""
    return folder(directory, namespace) / "jupyter"


def launcher(directory: str | Path, namespace: str, name: str) -> Path:
    """The program that runs another one in an environment: that of its kernel."""
    kernel = re.sub(r"[^a-z0-9._-]", "_", f"{namespace}-{name}".lower())
    return jupyter(directory, namespace) / "kernels" / kernel / "run"


def known(users: Iterable[str], groups: Iterable[str], everybodys: str) -> list[str]:
    """All that there are."""
    return [*dict.fromkeys([everybodys, *groups, *users])]


def of_person(
    name: str, theirs: Iterable[str], groups: Container[str], everybodys: str
) -> list[str]:
    """The namespaces that somebody sees.

    Args:
        name: the person's name at the hub.
        theirs: the groups that they are in.
        groups: all groups.
        everybodys: the namespace that all people see.
    """
    own = [] if name in groups else [name]
    return [*dict.fromkeys([everybodys, *theirs, *own])]
