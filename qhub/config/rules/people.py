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
    yield from _unknown(look, "group", _named_groups(look))


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
    named = (found for path in _choosable(look) for found in look.texts(*path, "users"))
    yield from _unknown(look, "user", named)


def _unknown(look: Look, kind: str, named: Iterable[tuple[KeyPath, str]]) -> Iterator[Finding]:
    """Complains of names that `security` does not have; not if what it has can't be read."""
    section = ("security", f"{kind}s")
    known = look.mapping(*section)
    if not isinstance(look.value(*section), dict) and look.meant(*section):
        return
    names = list(known)
    hint = f"`security.{kind}s` has: {listed(names)}" if names else f"add it to `security.{kind}s`"
    unknown = ((path, name) for path, name in named if name not in known)
    for count, (path, name) in enumerate(unknown):
        near = did_you_mean(name, names) if count < _SUGGESTIONS else ""
        yield Finding(path, f"there is no {kind} `{clipped(name)}`{near}", hint)


def passwords(look: Look) -> Iterator[Finding]:
    """With password authentication every user has one."""
    if look.has("security", "authentication") and (
        look.value("security", "authentication", "type") != "password"
    ):
        return
    for path, user in look.sections("security", "users"):
        if user.get("password") is None and not look.meant(*path, "password"):
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
