"""Rules about users and groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from qhub.config.document import KeyPath
from qhub.config.nearest import clipped, did_you_mean, listed
from qhub.config.rules.look import Finding, Look

_SUGGESTIONS = 100  # comparing thousands of names with thousands of others takes minutes


def ids(look: Look) -> Iterator[Finding]:
    """Numbers of users and groups are unique, and none is `nobody`."""
    for section, key in (("users", "uid"), ("groups", "gid")):
        owners: dict[int, KeyPath] = {}
        for path, item in look.sections("security", section):
            number = item.get(key)
            if type(number) is not int:
                continue
            here = (*path, key)
            if number in (65534, 65535):
                message = f"{number} is `nobody` on most systems"
                yield Finding(here, message, "take another number")
            elif number in owners:
                other = look.document.place(owners[number])
                message = f"the {key} {number} is taken by `{owners[number][-2]}`"
                yield Finding(here, f"{message} in line {other.line}", f"each {key} is used once")
            else:
                owners[number] = here


def groups_exist(look: Look) -> Iterator[Finding]:
    """Groups that anything names are in `security.groups`."""
    known = look.value("security", "groups")
    if look.has("security", "groups") and not isinstance(known, dict):
        return
    if not look.has("security", "groups") and not _misspelt(look, "groups"):
        known = {}
    if known is None:
        return
    yield from _unknown("group", known, _named_groups(look))


def _misspelt(look: Look, key: str) -> bool:
    """Whether `security` is missing, or has a key that is probably meant to be `key`."""
    section = look.mapping("security")
    return not section or any(f"`{key}`" in did_you_mean(name, [key]) for name in section)


def _named_groups(look: Look) -> Iterator[tuple[KeyPath, str]]:
    for path, _ in look.sections("security", "users"):
        yield from look.texts(*path, "primary_group")
        yield from look.texts(*path, "secondary_groups")
    for path in _choosable(look):
        yield from look.texts(*path, "groups")


def _choosable(look: Look) -> Iterator[KeyPath]:
    for section in (("profiles", "jupyterlab"), ("profiles", "dask_worker"), ("environments",)):
        for path, _ in look.sections(*section):
            yield path


def users_exist(look: Look) -> Iterator[Finding]:
    """Users that profiles name are in `security.users`."""
    known = look.value("security", "users")
    if not isinstance(known, dict):
        return
    named = (found for path in _choosable(look) for found in look.texts(*path, "users"))
    yield from _unknown("user", known, named)


def _unknown(
    kind: str, known: dict[str, object], named: Iterable[tuple[KeyPath, str]]
) -> Iterator[Finding]:
    names = list(known)
    suggested = 0
    for path, name in named:
        if name in known:
            continue
        suggested += 1
        near = did_you_mean(name, names) if suggested <= _SUGGESTIONS else ""
        allowed = f"`security.{kind}s` has: {listed(names)}" if names else None
        message = f"there is no {kind} `{clipped(name)}`{near}"
        yield Finding(path, message, allowed or f"add it to `security.{kind}s`")


def passwords(look: Look) -> Iterator[Finding]:
    """With password authentication every user has one."""
    if look.has("security", "authentication") and (
        look.value("security", "authentication", "type") != "password"
    ):
        return
    for path, user in look.sections("security", "users"):
        if user.get("password") is None and not _near_password(user):
            message = f"`{path[-1]}` has no `password`, so nobody can log in as `{path[-1]}`"
            hint = "`qhub hash-password` makes a hash; {env: NAME} or {file: PATH} refer to one"
            yield Finding(path, message, hint, key=True)


_SECRET = re.compile(r"(?i)(secret|password|token|_key)$")


def plain_secrets(look: Look) -> Iterator[Finding]:
    """Secrets of a custom authenticator are references, too."""
    where = ("security", "authentication", "config")
    if look.value("security", "authentication", "type") != "custom":
        return
    for key, value in look.mapping(*where).items():
        if isinstance(value, str) and _SECRET.search(key):
            message = f"`{key}` is a secret, and secrets don't belong in this file"
            yield Finding((*where, key), message, "refer to it: {env: NAME} or {file: PATH}")


def _near_password(user: dict[str, object]) -> bool:
    """Whether a misspelt key stands for it; that is said anyway."""
    fields = ("uid", "password", "primary_group", "secondary_groups")
    return any("`password`" in did_you_mean(key, fields) for key in user if key not in fields)
