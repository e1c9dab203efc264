"""Connections that a client has carried through its own: to the server's side, and from there."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncssh
from asyncssh.forward import SSHForwarder, SSHLocalPathForwarder

from .backend import Listening, Origin, Target, User
from .hub import Refused

LOOPBACK = "127.0.0.1"


async def connect(user: Awaitable[User], target: Target) -> SSHForwarder:
    """Connect to a target and carry what is said."""
    try:
        opened = await (await user).connect(target)
        _, peer = await asyncio.get_running_loop().create_connection(SSHForwarder, sock=opened)
    except (Refused, OSError) as error:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, str(error)) from error
    return SSHForwarder(peer)


class Listener(asyncssh.SSHListener):
    """Hands everybody who comes to the client.

    Args:
        connection: the client's.
        listening: where they come to.
        carry: opens a channel to the client for somebody from an origin.
    """

    def __init__(
        self,
        connection: Any,
        listening: Listening,
        carry: Callable[[Any, Origin], Awaitable[Any]],
    ) -> None:
        super().__init__()
        self._connection, self._listening, self._carry = connection, listening, carry
        self._task = asyncio.create_task(self._accept())

    def get_port(self) -> int:
        return self._listening.port

    def close(self) -> None:
        self._task.cancel()
        self._listening.close()

    async def wait_closed(self) -> None:
        await asyncio.wait([self._task])

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while True:
                origin, comer = await self._listening.accept()
                await loop.create_connection(partial(self._forwarder, origin), sock=comer)

    def _forwarder(self, origin: Origin) -> SSHLocalPathForwarder:
        async def carry(factory: Any) -> None:
            await self._carry(factory, origin)

        return SSHLocalPathForwarder(self._connection, carry)


async def listen(connection: Any, user: Awaitable[User], target: Target) -> Any:
    """Listen for the client; None where that can't be.

    A port is one of this machine alone, whatever address is asked for.
    """
    place = target if isinstance(target, str) else (LOOPBACK, target[1])
    try:
        listening = await (await user).listen(place)
    except (Refused, OSError):
        return None

    async def carry(factory: Any, origin: Origin) -> None:
        if isinstance(target, str):
            await connection.create_unix_connection(factory, target)
        else:
            await connection.create_connection(factory, target[0], listening.port, *origin)

    return Listener(connection, listening, carry)
