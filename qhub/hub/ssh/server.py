"""Who may come in: one `Login` a connection, and the `Service` that they share."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from pathlib import Path
from typing import Any

import asyncssh

from ..throttle import Throttle
from . import forward
from .backend import Origin, Servers, User
from .hub import Hub, Refused, Say
from .people import People
from .proxied import listening
from .session import Session

log = logging.getLogger("ssh")

LOGIN_SECONDS = 60
MOST_STRANGERS = 50
"""Connections at a time that have not logged in yet; more are cut off."""

FREE = {"person here": 5, "address": 20}
"""Wrong tokens that cost nothing. Those of a person from anywhere are not counted: a token is too
long to be found by many who guess together, but they could keep its owner out."""

WATCH_SECONDS = 15
_OPTIONS = {
    "encoding": None,
    "line_editor": False,
    "agent_forwarding": False,
    "x11_forwarding": False,
    "gss_host": None,
    "server_version": "qhub",
    "login_timeout": LOGIN_SECONDS,
    "keepalive_interval": 30,
    "keepalive_count_max": 4,
}


class Service:
    """What all connections share.

    Args:
        settings: address, port, files and hub, as the deployment wrote them.
        servers: where people's sessions go.
    """

    def __init__(self, settings: dict[str, Any], servers: Servers) -> None:
        self.settings = settings
        self._servers = servers
        key = asyncssh.read_private_key(settings["host_key"])
        self._options = {**_OPTIONS, "server_host_keys": [key]}
        self.people = People(Path(settings["people"]))
        hub = settings["hub"]
        patience = hub.get("start_seconds", 200)
        self.hub = Hub(hub["api"], hub["token"], servers.alive, patience)
        self.token_page: str = hub["token_page"]
        self._throttle = Throttle(FREE)
        self.logins: set[Login] = set()

    async def serve(self) -> None:
        """Take connections until the end."""
        port, proxied = self.settings["port"], self.settings.get("proxied", False)
        if proxied:
            acceptor = listening(port, self._take)
        else:
            address = self.settings["address"]
            acceptor = await asyncssh.create_server(
                lambda: Login(self), address, port, **self._options
            )
        log.info("listening on port %s", port)
        async with acceptor:
            try:
                await self._watch()
            finally:
                for login in [*self.logins]:
                    login.cut_off()

    async def _take(self, connection: socket.socket, origin: Origin) -> None:
        # Who doesn't log in is an error to it, and is told of by `Login`.
        with contextlib.suppress(asyncssh.Error, OSError):
            await asyncssh.run_server(
                connection, server_factory=lambda: Login(self, origin), **self._options
            )

    async def _watch(self) -> None:
        """Keep people's servers awake while they are connected; where one ended, so do they."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for login in [login for login in self.logins if login.name]:
                login.look_after()
            names = {login.name for login in self.logins if login.at_work}
            done = await asyncio.gather(*map(self.hub.active, names), return_exceptions=True)
            for error in [error for error in done if error]:
                log.warning("%s", error)

    async def is_right(self, name: str, token: str, address: str) -> bool:
        """Whether a token is this person's own.

        Raises:
            asyncssh.DisconnectError: too many were wrong, or nobody can tell.
        """
        wait = self._throttle.wait(name, address)
        if wait:
            log.warning("%s: too many wrong tokens for %r", address, name)
            raise _end(f"Too many wrong tokens. Try again in {wait:.0f} seconds.")
        try:
            known = await self.hub.knows(name, token)
        except Refused as error:
            raise _end(str(error)) from error
        if known and self.people.find(name) is not None:
            self._throttle.succeeded(name, address)
            return True
        log.warning("%s: wrong token for %r", address, name)
        self._throttle.failed(name, address)
        return False

    async def user(self, name: str, say: Say) -> User:
        """A person at their server, which is started where it doesn't run.

        Raises:
            Refused: they are no longer in the settings, or the server doesn't start.
        """
        if self.people.find(name) is None:
            raise Refused("You are not one of the people of this hub any more.")
        state = await self.hub.server(name, say)
        return await self._servers.user(name, self.people.settings(), state)


def _end(reason: str) -> asyncssh.DisconnectError:
    return asyncssh.DisconnectError(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, reason)


class Login(asyncssh.SSHServer):
    """One connection: proves who it is, then has sessions and forwards.

    Args:
        service: what it shares with the others.
        origin: where it comes from, where that isn't what it was accepted from.
    """

    def __init__(self, service: Service, origin: Origin | None = None) -> None:
        self._service, self._origin = service, origin
        self._user: User | None = None
        self._starting = asyncio.Lock()
        self.name = ""

    @property
    def at_work(self) -> bool:
        """Whether the server is in use."""
        return self._user is not None

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        if self._origin is None:
            self._origin = (conn.get_extra_info("peername") or ("gone", 0))[:2]
        self._address: str = self._origin[0]
        self._service.logins.add(self)
        strangers = sum(not login.name for login in self._service.logins)
        if strangers > MOST_STRANGERS:
            log.warning("%s: cut off, %s others have not logged in yet", self._address, strangers)
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.logins.discard(self)
        if self._user is not None:
            self._user.close()
        if self.name:
            log.info("%s: %s left", self._address, self.name)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: Any) -> bool:
        return self._service.people.has_key(username, key)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        return await self._service.is_right(username, password, self._address)

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        # Not as instructions: those would be among the errors of every command.
        prompt = f"Token (from {self._service.token_page}) as password: "
        return "", "", "", [(prompt, False)]

    async def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        token = responses[0] if len(responses) == 1 else ""
        return await self._service.is_right(username, token, self._address)

    def auth_completed(self) -> None:
        self.name = self._connection.get_extra_info("username")
        log.info("%s: %s logged in", self._address, self.name)

    async def user(self, say: Say = lambda text: None) -> User:
        """The person, with a server that runs."""
        async with self._starting:
            if self._user is None or not self._user.alive:
                if self._user is not None:
                    self._user.close()
                self._user = await self._service.user(self.name, say)
                if self not in self._service.logins:  # it has left meanwhile
                    self._user.close()
            return self._user

    def look_after(self) -> None:
        """End the connection where its server ended, or the person was removed."""
        gone = self._service.people.find(self.name) is None
        if gone or (self._user is not None and not self._user.alive):
            reason = "You were removed." if gone else "Your server was stopped."
            self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    def cut_off(self) -> None:
        """End the connection at once, and what runs in it."""
        self._connection.abort()

    def session_requested(self) -> Session:
        info = self._connection.get_extra_info
        (here, port), (there, origin) = info("sockname")[:2], self._origin
        extra = {
            "SSH_CLIENT": f"{there} {origin} {port}",
            "SSH_CONNECTION": f"{there} {origin} {here} {port}",
        }
        return Session(self.user, extra, info("client_version"))

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Any:
        return forward.connect(self.user(), (dest_host, dest_port))

    def unix_connection_requested(self, dest_path: str) -> Any:
        return forward.connect(self.user(), dest_path)

    def server_requested(self, listen_host: str, listen_port: int) -> Any:
        return forward.listen(self._connection, self.user(), (listen_host, listen_port))

    def unix_server_requested(self, listen_path: str) -> Any:
        return forward.listen(self._connection, self.user(), listen_path)
