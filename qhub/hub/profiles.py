"""Profiles: which sizes of server a person may choose from, and the page to choose on.

Knows nothing of JupyterHub, so that every platform's spawner can use it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Profile = Mapping[str, Any]


class ProfileError(ValueError):
    """A profile that doesn't exist, or that this person may not use."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.jupyterhub_message = message


def slug(profile: Profile) -> str:
    """The name of a profile in forms and in the API: `Small Instance` is `small-instance`."""
    return re.sub(r"[^a-z0-9]+", "-", profile["display_name"].lower()).strip("-") or "profile"


class Profiles:
    """The profiles of the settings.

    Args:
        profiles: as in the settings.
        groups_of: the groups of a person.
        available: whether this machine can offer a profile at all (graphics cards, say).
    """

    def __init__(
        self,
        profiles: Sequence[Profile],
        groups_of: Callable[[str], Sequence[str]],
        available: Callable[[Profile], bool] = lambda profile: True,
    ) -> None:
        self._profiles = [profile for profile in profiles if available(profile)]
        self._groups_of = groups_of

    def allowed(self, user: str) -> dict[str, Profile]:
        """The profiles that a person may use, in the order of the settings."""
        groups = set(self._groups_of(user))
        return {
            slug(profile): profile for profile in self._profiles if _open_to(profile, user, groups)
        }

    def default(self, user: str) -> str | None:
        """The profile that a person gets without choosing; None when there is none for them."""
        allowed = self.allowed(user)
        marked = (name for name, profile in allowed.items() if profile.get("default"))
        return next(marked, next(iter(allowed), None))

    def choose(self, user: str, name: Any) -> tuple[str, Profile]:
        """The profile that a person asked for by name or title.

        Raises:
            ProfileError: they may not use it, or there is none for them.
        """
        allowed = self.allowed(user)
        if not allowed:
            raise ProfileError("There is no profile that you may use. Ask an administrator.")
        if name in (None, ""):
            name = self.default(user)
        for key, profile in allowed.items():
            if name in (key, profile["display_name"]):
                return key, profile
        raise ProfileError(f"There is no profile {str(name)[:60]!r} that you may use.")

    def form(self, user: str, last: Any = None) -> str:
        """The form to choose with; empty where there is nothing to choose."""
        allowed = self.allowed(user)
        if len(allowed) < 2:
            return ""
        checked = last if last in allowed else self.default(user)
        cards = [_card(name, profile, name == checked) for name, profile in allowed.items()]
        return f'<div class="profiles" role="radiogroup">{"".join(cards)}</div>'


def graphics_cards(devices: Path = Path("/dev")) -> int:
    """How many graphics cards this machine has for computing: NVIDIA's, with their driver."""
    return len(list(devices.glob("nvidia[0-9]*")))


def _open_to(profile: Profile, user: str, groups: set[str]) -> bool:
    users, allowed = profile.get("users"), profile.get("groups")
    if users is None and allowed is None:
        return True
    return user in (users or ()) or bool(groups & {*(allowed or ())})


def _card(name: str, profile: Profile, checked: bool) -> str:
    title, about = (html.escape(profile.get(key) or "") for key in ("display_name", "description"))
    facts = "".join(f"<li>{html.escape(fact)}</li>" for fact in facts_of(profile))
    return (
        f'<label class="profile"><input type="radio" name="profile" value="{html.escape(name)}"'
        f'{" checked" if checked else ""}><span class="profile-body">'
        f'<span class="profile-name">{title}</span>'
        f'<span class="profile-about">{about}</span>'
        f'<ul class="profile-facts">{facts}</ul></span></label>'
    )


def facts_of(profile: Profile) -> list[str]:
    """What a profile gives, in words: `2 processors`, `8 GB memory`."""
    facts = []
    if cpu := profile.get("cpu_limit"):
        facts.append(f"{cpu:g} processor{'' if cpu == 1 else 's'}")
    if memory := profile.get("mem_limit"):
        facts.append(f"{size(memory)} memory")
    if gpus := profile.get("gpus"):
        facts.append(f"{gpus} graphics card{'' if gpus == 1 else 's'}")
    return facts


def told(profile: Profile, events: str) -> dict[str, str]:
    """What a server can tell a person whose kernel was ended for its memory.

    Args:
        profile: what the server got.
        events: the file that counts what was ended, or several, of which one is there.
    """
    return {
        "QHUB_PROFILE": profile["display_name"],
        "QHUB_MEMORY": size(profile.get("mem_limit") or 0),
        "QHUB_MEMORY_EVENTS": events,
    }


def size(memory: int) -> str:
    """So many bytes in words: `8 GB`."""
    for factor, unit in ((1024**3, "GB"), (1024**2, "MB")):
        if memory >= factor:
            return f"{memory / factor:.4g} {unit}"
    return f"{memory} bytes"
