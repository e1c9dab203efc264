"""Connections that a client has carried through its own: to the server's side, and from there."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh
from asyncssh.forward import SSHForwarder, SSHLocalPathForwarder

from .hub import Refused
from .local import LocalUser, Target, exactly

Origin = tuple[str, int]
LOOPBACK = "127.0.0.1"


async def connect(user: Awaitable[LocalUser], target: Target) -> SSHForwarder:
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
        channel: where the person's process announces who comes.
        port: where it listens; 0 for a path.
        carry: opens a channel to the client for somebody from an origin.
    """

    def __init__(
        self,
        connection: Any,
        channel: socket.socket,
        port: int,
        carry: Callable[[Any, Origin], Awaitable[Any]],
    ) -> None:
        super().__init__()
        self._connection, self._channel, self._port = connection, channel, port
        self._carry = carry
        self._task = asyncio.create_task(self._accept())

    def get_port(self) -> int:
        return self._port

    def close(self) -> None:
        self._task.cancel()
        self._channel.close()

    async def wait_closed(self) -> None:
        await asyncio.wait([self._task])

    async def _accept(self) -> None:
        # Whatever a person's process says: it is not to be trusted.
        with contextlib.suppress(OSError, ValueError, IndexError):
            while True:
                [size] = await exactly(self._channel, 1)
                words = (await exactly(self._channel, size)).decode().split()
                await self._take((words[0], int(words[1])) if words else ("", 0))

    async def _take(self, origin: Origin) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._channel, [b"+"], [theirs.fileno()])
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._forwarder(origin), sock=ours)

    def _forwarder(self, origin: Origin) -> SSHLocalPathForwarder:
        async def carry(factory: Any) -> None:
            await self._carry(factory, origin)

        return SSHLocalPathForwarder(self._connection, carry)


async def listen(connection: Any, user: Awaitable[LocalUser], target: Target) -> Any:
    """Listen for the client; None where that can't be.

    A port is one of this machine alone, whatever address is asked for.
    """
    place = target if isinstance(target, str) else (LOOPBACK, target[1])
    try:
        channel, port = await (await user).listen(place)
    except (Refused, OSError):
        return None

    async def carry(factory: Any, origin: Origin) -> None:
        if isinstance(target, str):
            await connection.create_unix_connection(factory, target)
        else:
            await connection.create_connection(factory, target[0], port, *origin)

    return Listener(connection, channel, port, carry)
