"""Who is in which groups: as the settings say, and as whoever people log in at says besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ADMIN = "admin"
"""The group that administers the hub."""


class Membership:
    """Groups of people; of a provider's only those that are groups here, too.

    Args:
        people: `users` of the settings.
        groups: `groups` of the settings.
        by_claim: whether a provider tells groups when somebody logs in.
    """

    def __init__(
        self, people: Mapping[str, Any], groups: Mapping[str, Any], *, by_claim: bool = False
    ) -> None:
        self._people, self._groups, self._by_claim = people, groups, by_claim
        self._claimed: dict[str, list[str]] = {}

    def claim(self, name: str, groups: Iterable[str]) -> None:
        """Remember what the provider said, or what the hub has kept of that."""
        if self._by_claim:
            self._claimed[name] = sorted({*groups} & {*self._groups})

    def of(self, name: str) -> list[str]:
        """All groups of somebody, the primary one first; none of who is not listed."""
        own = self._people.get(name, {}).get("groups", [])
        return list(dict.fromkeys([*own, *self._claimed.get(name, [])]))

    def model(self, name: str) -> dict[str, Any] | None:
        """What JupyterHub is to know of a listed person; None for anybody else."""
        person = self._people.get(name)
        if person is None:
            return None
        groups = self.of(name)
        admin = person["admin"] or ADMIN in self._claimed.get(name, [])
        return {"name": name, "admin": admin, "groups": groups}

    def applied(self, name: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings in which a person is in all of their groups."""
        if name not in self._claimed:
            return settings
        person = {**settings["users"][name], "groups": self.of(name)}
        return {**settings, "users": {**settings["users"], name: person}}
