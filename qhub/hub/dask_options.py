"""What people choose when they start a Dask cluster, and how large it may get."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dask_gateway_server.options import Options, Select

from .profiles import Profile, ProfileError, Profiles

_SIZES = {"cluster_max_cores": "cpu_limit", "cluster_max_memory": "mem_limit"}
"""What bounds a cluster, and what of it a worker takes."""


def options(
    profiles: Profiles,
    more: Callable[[str], Sequence[Any]],
    ordered: Callable[[str, Any], dict[str, Any]],
) -> Callable[[Any], Options]:
    """The options of a person, as Dask-Gateway asks for them: one of the profiles open to them.

    Args:
        profiles: of workers.
        more: further options of a person.
        ordered: a cluster's configuration, of the person's name and what they chose.
    """

    def refuse(chosen: Any) -> dict[str, Any]:
        raise ProfileError("There is no Dask worker profile that you may use.")

    def offered(user: Any) -> Options:
        name = user.name
        sizes = [(item["display_name"], item) for item in profiles.allowed(name).values()]
        if not sizes:
            return Options(*more(name), handler=refuse)
        profile = Select("profile", sizes, label="Worker profile")
        return Options(*more(name), profile, handler=lambda chosen: ordered(name, chosen))

    return offered


def most_workers(profile: Profile, limits: Mapping[str, Any]) -> int | None:
    """How many workers of a profile a cluster may have; None: any number.

    Raises:
        ProfileError: not a single one.
    """
    bounds = [limits["cluster_max_workers"]] if limits["cluster_max_workers"] else []
    for bound, size in _SIZES.items():
        if limits[bound]:
            bounds.append(math.floor(limits[bound] / profile[size]))
    if not bounds:
        return None
    if min(bounds) < 1:
        title = profile["display_name"]
        raise ProfileError(f"A worker of {title} alone is more than a cluster may have.")
    return min(bounds)
