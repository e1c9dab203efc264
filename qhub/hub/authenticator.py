"""Who may log in: the people of the settings, and nobody else.

`PasswordAuthenticator` checks passwords against hashes of the settings. `listed` makes any other
authenticator (GitHub, Auth0, …) keep to the same people, with the same groups and admins.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
from inspect import isawaitable
from typing import Any

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Dict, Unicode

from . import login_sign
from .membership import Membership
from .throttle import Throttle

BROWSER_COOKIE = "qhub-browser"
"""Names a person who logged in with this browser; signed by the hub."""

BROWSER_DAYS = 180
_ONE_ARGON2 = threading.Lock()
"""OpenSSL starts a thread for each lane of argon2, out of a number that all share: several at once
each take some, and wait for the rest for ever."""

_NOBODY = Argon2id(
    salt=secrets.token_bytes(16), length=32, iterations=3, lanes=4, memory_cost=65536
).derive_phc_encoded(secrets.token_bytes())


def verify(password: str, hashed: str) -> bool:
    """Whether a password gives this argon2id or bcrypt hash. Takes as long as it must."""
    if hashed.startswith("$argon2"):
        try:
            with _ONE_ARGON2:
                Argon2id.verify_phc_encoded(password.encode(), hashed)
        except InvalidKey:
            return False
        return True
    try:
        return bcrypt.checkpw(password.encode()[:72], hashed.encode())
    except ValueError:
        return False


class PasswordAuthenticator(Authenticator):
    """Passwords against the hashes of the settings."""

    membership: Membership
    people = Dict(help="the users of the settings").tag(config=True)
    proxy_token = Unicode(help="known only to the proxy in front").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._throttle = Throttle()
        self._places = asyncio.Semaphore(4)  # others need threads of the hub, too
        self._salt = secrets.token_bytes(16)

    def check_allowed(self, username: str, auth_model: Any = None) -> bool:
        return username in self.people

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """The person, when the password is theirs; None otherwise."""
        name = self.normalize_username(data.get("username", ""))
        source = name, self._address(handler), _browser(handler, name)
        known = (self.people.get(name) or {}).get("password_hash")
        async with self._places:  # asked in here: else many guesses at once would all be free
            wait = self._throttle.wait(*source)
            if wait:
                raise HTTPError(429, f"Too many wrong passwords. Try again in {wait:.0f} seconds.")
            hashed = known or self._decoy(name)
            right = await asyncio.to_thread(verify, data.get("password", ""), hashed)
            if not (right and known):
                self._throttle.failed(*source)
                return None
        self._throttle.succeeded(*source)
        _remember_browser(handler, name)
        return self.membership.model(name)

    def _address(self, handler: Any) -> str:
        """Where a try comes from; who asks the hub itself could say anything, so is one address."""
        told = handler.request.headers.get("Authorization", "").encode()
        sign = login_sign.authorization(self.proxy_token).encode()
        known = self.proxy_token and hmac.compare_digest(told, sign)
        return str(handler.request.remote_ip) if known else "this machine"

    def _decoy(self, name: str) -> str:
        """Somebody's hash to verify for a stranger: the time taken tells nobody who is listed."""
        hashes = [h for person in self.people.values() if (h := person.get("password_hash"))]
        number = hmac.digest(self._salt, name.encode(), "sha256")
        return hashes[int.from_bytes(number) % len(hashes)] if hashes else _NOBODY

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Groups and admins follow the settings; who was removed is logged out."""
        return self.membership.model(user.name) or False


def _browser(handler: Any, name: str) -> str | None:
    """What the browser is known by, when this very person logged in with it before."""
    value = handler.get_signed_cookie(BROWSER_COOKIE, max_age_days=BROWSER_DAYS)
    if value is None:
        return None
    known: str = value.decode(errors="replace")
    return known if known.rpartition(":")[0] == name else None


def _remember_browser(handler: Any, name: str) -> None:
    if _browser(handler, name) is None:
        handler.set_signed_cookie(
            BROWSER_COOKIE,
            f"{name}:{secrets.token_hex(8)}",
            expires_days=BROWSER_DAYS,
            path=handler.hub.base_url,
            httponly=True,
            samesite="Lax",
            secure=handler.request.protocol == "https",
        )


def listed(base: type[Any], membership: Membership) -> type[Any]:
    """An authenticator that keeps to the people of the settings, on top of any other."""

    class Listed(base):
        async def check_allowed(self, username: str, auth_model: Any = None) -> bool:
            if membership.model(username) is None:
                return False
            # It may have reasons of its own against somebody: an address that is not verified, say.
            allowed = super().check_allowed(username, auth_model)
            return bool(await allowed if isawaitable(allowed) else allowed)

        async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
            found = await super().authenticate(handler, data, **kwargs)
            if not found:
                return None
            name = self.normalize_username(found["name"])
            membership.claim(name, found.get("groups") or ())
            known = membership.model(name)
            return {**found, **known} if known else None

        async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
            # What a provider said is told at a login alone; the hub has kept it.
            membership.claim(user.name, [group.name for group in user.groups])
            return membership.model(user.name) or False

    Listed.__name__ = Listed.__qualname__ = f"Listed{base.__name__}"
    return Listed
