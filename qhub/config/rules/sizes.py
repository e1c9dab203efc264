"""Rules about profiles and environments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import PydanticCustomError

from qhub.config.document import KeyPath
from qhub.config.fields import cores, memory
from qhub.config.nearest import clipped
from qhub.config.rules.look import Finding, Look


def profiles(look: Look) -> Iterator[Finding]:
    """At most one profile is the default, and their names differ."""
    default: KeyPath | None = None
    for path, profile in look.sections("profiles", "jupyterlab"):
        if profile.get("default") is not True:
            continue
        if default:
            line = look.document.place((*default, "default")).line
            message = f"a second default profile; the first is in line {line}"
            yield Finding((*path, "default"), message, "keep one of them")
        default = default or path
    yield from _unique(look, ("profiles", "jupyterlab"), "display_name", "profile")


def environments(look: Look) -> Iterator[Finding]:
    """Names of environments differ."""
    yield from _unique(look, ("environments",), "name", "environment")


def _unique(look: Look, section: tuple[str, ...], key: str, kind: str) -> Iterator[Finding]:
    seen: dict[str, KeyPath] = {}
    for path, item in look.sections(*section):
        name = item.get(key)
        if not isinstance(name, str):
            continue
        folded = name.strip().casefold()
        if folded in seen:
            line = look.document.place((*seen[folded], key)).line
            message = f"another {kind} is called `{clipped(name)}`, in line {line}"
            yield Finding((*path, key), message, "give each its own name")
        seen.setdefault(folded, path)


# section, where in each entry, what is reserved, what is the limit
_PAIRS: list[tuple[tuple[str, ...], tuple[str, ...], str, str, Callable[[Any], Any]]] = [
    (
        ("profiles", "jupyterlab"),
        ("kubespawner_override",),
        "cpu_guarantee",
        "cpu_limit",
        cores,
    ),
    (
        ("profiles", "jupyterlab"),
        ("kubespawner_override",),
        "mem_guarantee",
        "mem_limit",
        memory,
    ),
    (("profiles", "dask_worker"), (), "worker_cores", "worker_cores_limit", cores),
    (("profiles", "dask_worker"), (), "worker_memory", "worker_memory_limit", memory),
    (("conda_store", "worker"), (), "cpu_guarantee", "cpu_limit", cores),
    (("conda_store", "worker"), (), "mem_guarantee", "mem_limit", memory),
]


def guarantees(look: Look) -> Iterator[Finding]:
    """What is kept free for a server is not more than it may use."""
    for section, inner, least, most, read in _PAIRS:
        for path, _ in look.sections(*section):
            here = (*path, *inner)
            guarantee, limit = look.value(*here, least), look.value(*here, most)
            if guarantee is None or limit is None:
                continue
            try:
                more = _amount(read(guarantee)) > _amount(read(limit))
            except (PydanticCustomError, AttributeError):  # the models say what is wrong with it
                continue
            if more:
                message = f"`{least}` is {guarantee}, more than `{most}`, which is {limit}"
                yield Finding((*here, least), message, "lower the one or raise the other")


def _amount(value: Any) -> float:
    return float(getattr(value, "bytes", value))
