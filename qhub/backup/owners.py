"""Whose files are whose: numbers of the time of the backup, turned into those of today."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class Owners(BaseModel):
    """The people and groups of a deployment, by name."""

    model_config = ConfigDict(extra="forbid")

    unix: bool = Field(description="whether files bear the numbers of people")
    users: dict[str, int] = Field(default_factory=dict, description="uid of each person")
    groups: dict[str, int] = Field(default_factory=dict, description="gid of each group")
    primary: dict[str, str] = Field(default_factory=dict, description="first group of each person")


@dataclass(frozen=True)
class Owner:
    """Who is to own a file; `known` when both numbers are those of people of the deployment."""

    uid: int
    gid: int
    known: bool


class Renumbering:
    """From numbers of a backup to those of the deployment that it is restored to.

    A number that belonged to nobody of the deployment, somebody removed say, becomes root's:
    today it could be anybody's.
    """

    def __init__(self, saved: Owners, present: Owners) -> None:
        self._saved, self._present = saved, present
        self._users = _translated(saved.users, present.users)
        self._groups = _translated(saved.groups, present.groups)

    def owner(self, place: str, uid: int, gid: int) -> Owner | None:
        """Who is to own a thing in `homes/NAME` or `shared/NAME`; None: who restores it."""
        if not self._present.unix:
            return None
        if not self._saved.unix:
            return self._of_place(place)
        known = uid in self._users and gid in self._groups
        return Owner(self._users.get(uid, 0), self._groups.get(gid, 0), known)

    @property
    def by_number(self) -> bool:
        """Whether files had numbers of people, and have them again."""
        return self._present.unix and self._saved.unix

    @property
    def from_one_account(self) -> bool:
        """Whether all files were one account's and now become those of people."""
        return self._present.unix and not self._saved.unix

    def uid(self, uid: int) -> int:
        """The number of a person in an access list."""
        return self._users.get(uid, 0)

    def gid(self, gid: int) -> int:
        """The number of a group in an access list."""
        return self._groups.get(gid, 0)

    def _of_place(self, place: str) -> Owner:
        kind, _, name = place.partition("/")
        present = self._present
        if kind == "homes" and name in present.users:
            return Owner(present.users[name], present.groups[present.primary[name]], True)
        if kind == "shared" and name in present.groups:
            return Owner(0, present.groups[name], True)
        return Owner(0, 0, False)


def _translated(saved: dict[str, int], present: dict[str, int]) -> dict[int, int]:
    return {number: present[name] for name, number in saved.items() if name in present}
