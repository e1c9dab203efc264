"""Roles in namespaces, as conda-store writes them: `{"team/*": ["developer"]}`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

READS, BUILDS, OWNS = "viewer", "developer", "admin"
_ORDER = (READS, BUILDS, OWNS)
EVERYWHERE = "*/*"

Rights = Mapping[str, Sequence[str]]


def of_person(
    name: str, theirs: Iterable[str], groups: Collection[str], everybodys: str, admin: bool
) -> dict[str, list[str]]:
    """What somebody may: read what is everybody's, build in their groups, do all in their own.

    Args:
        name: the person's name at the hub, and of a namespace of their own.
        theirs: the groups that they are in.
        groups: all groups; whose name a person bears, its namespace is the group's.
        everybodys: the namespace that all people see.
        admin: whether they may do everything.
    """
    if admin:
        return {EVERYWHERE: [OWNS]}
    found = {} if name in groups else {f"{name}/*": [OWNS]}
    found |= {f"{group}/*": [BUILDS] for group in theirs}
    return {f"{everybodys}/*": [READS]} | found


def allows(may: Rights, asked: Rights) -> bool:
    """Whether rights hold all of others."""
    return all(_rank(roles) <= _most(may, where) for where, roles in asked.items())


def _most(may: Rights, where: str) -> int:
    namespace = where.split("/", 1)[0]
    places = (EVERYWHERE, f"{namespace}/*")
    return max((_rank(may[place]) for place in places if place in may), default=-1)


def _rank(roles: Iterable[str]) -> int:
    ranks = [_ORDER.index(role) if role in _ORDER else len(_ORDER) for role in roles]
    return max(ranks, default=-1)
