"""Who may log in: the people of the settings, and nobody else.

`PasswordAuthenticator` checks passwords against hashes of the settings. `listed` makes any other
authenticator (GitHub, Auth0, …) keep to the same people, with the same groups and admins.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import argon2
import bcrypt
from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Dict

FREE_FAILURES = 5
"""Wrong passwords of one person from one address before the next try has to wait."""

LONGEST_WAIT = 300.0
_REMEMBERED = 10_000


def verify(password: str, hashed: str) -> bool:
    """Whether a password gives this argon2 or bcrypt hash. Takes as long as it must."""
    if hashed.startswith("$argon2"):
        try:
            return argon2.PasswordHasher().verify(hashed, password)
        except (argon2.exceptions.Argon2Error, argon2.exceptions.InvalidHashError):
            return False
    try:
        return bcrypt.checkpw(password.encode()[:72], hashed.encode())
    except ValueError:
        return False


class Throttle:
    """Makes guessing slow: each wrong password past the free ones doubles the wait."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def wait(self, user: str, address: str) -> float:
        """Seconds until the next try is allowed; 0 when it is."""
        count, last = self._failures.get((user, address), (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        pause = min(2.0 ** (count - FREE_FAILURES), LONGEST_WAIT)
        return max(0.0, last + pause - time.monotonic())

    def failed(self, user: str, address: str) -> None:
        """Remember a wrong password; the oldest are forgotten beyond some thousands."""
        count, _ = self._failures.pop((user, address), (0, 0.0))
        self._failures[user, address] = (count + 1, time.monotonic())
        if len(self._failures) > _REMEMBERED:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, user: str, address: str) -> None:
        """Forget the wrong passwords of a person who found the right one."""
        self._failures.pop((user, address), None)


def model(people: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """What JupyterHub is to know of a listed person; None for anybody else."""
    person = people.get(name)
    if person is None:
        return None
    return {"name": name, "admin": person["admin"], "groups": list(person["groups"])}


class PasswordAuthenticator(Authenticator):
    """Passwords against the hashes of the settings."""

    people = Dict(help="the users of the settings").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._throttle = Throttle()
        self._places = asyncio.Semaphore(4)  # argon2 takes 64 MB a time
        # Verified for strangers, so that the time taken doesn't tell who is listed.
        self._nobody = argon2.PasswordHasher().hash("nobody")

    def check_allowed(self, username: str, auth_model: Any = None) -> bool:
        return username in self.people

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """The person, when the password is theirs; None otherwise."""
        name = self.normalize_username(data.get("username", ""))
        address = handler.request.remote_ip
        wait = self._throttle.wait(name, address)
        if wait:
            raise HTTPError(429, f"Too many wrong passwords. Try again in {wait:.0f} seconds.")
        known = (self.people.get(name) or {}).get("password_hash")
        async with self._places:
            right = await asyncio.to_thread(verify, data.get("password", ""), known or self._nobody)
        if not (right and known):
            self._throttle.failed(name, address)
            return None
        self._throttle.succeeded(name, address)
        return model(self.people, name)

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Groups and admins follow the settings; who was removed is logged out."""
        return model(self.people, user.name) or False


def listed(base: type[Any]) -> type[Any]:
    """An authenticator that keeps to the people of the settings, on top of any other."""

    class Listed(base):
        people = Dict(help="the users of the settings").tag(config=True)

        def check_allowed(self, username: str, auth_model: Any = None) -> bool:
            return username in self.people

        async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
            found = await super().authenticate(handler, data, **kwargs)
            known = found and model(self.people, self.normalize_username(found["name"]))
            return {**found, **known} if known else None

        async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
            return model(self.people, user.name) or False

    Listed.__name__ = Listed.__qualname__ = f"Listed{base.__name__}"
    return Listed
