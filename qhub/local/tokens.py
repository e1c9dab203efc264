"""Tokens of people, given out by the hub that runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path

from qhub.errors import LocalError, UsageError
from qhub.local import effective
from qhub.local.facts import Machine
from qhub.local.hubapi import HubApi


def issue(
    facts: Path,
    name: str,
    known: Collection[str],
    *,
    seconds: int | None,
    note: str,
    scopes: Sequence[str] | None = None,
) -> str:
    """A new token of somebody's, also of one who never logged in.

    Args:
        facts: the deployment's.
        name: whose token.
        known: the people of the configuration.
        seconds: how long it is valid; None: until it is revoked.
        note: what its owner sees beside it.
        scopes: what it may do; None: all that its owner may.

    Raises:
        UsageError: there is nobody of this name, or no such scope.
        LocalError: nothing is deployed or not by you, the hub doesn't answer, or it refuses.
    """
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise UsageError(
            f"there is no user `{name}`" + (f"; did you mean `{near[0]}`?" if near else ""),
            f"`qhub user add {name}` adds them",
        )
    try:
        machine = Machine.load(facts)
    except PermissionError as error:
        raise LocalError(f"{facts} can't be read", "Run this as who deployed.") from error
    applied = effective.applied(machine) if machine else None
    if machine is None or applied is None:
        raise LocalError("nothing is deployed, so no hub can give out tokens", "qhub deploy")
    if name not in applied.users:
        raise LocalError(f"{name} was added after the last deploy", "qhub deploy")
    try:
        return HubApi(machine).token(name, seconds=seconds, note=note, scopes=scopes)
    except OSError as error:
        raise LocalError(
            f"the hub does not answer: {error.strerror or error}",
            "`qhub status` tells what is wrong, `qhub deploy` starts it again",
        ) from error
