"""Who comes through a proxy, by what it says of them: version 2 of HAProxy's PROXY protocol."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from .backend import Origin

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEADER_SECONDS = 10
MOST_STRANGERS = 100
"""Connections at a time that are not taken yet; more are cut off."""

_HEAD_SIZE, _PROXIED = 16, 0x21
_ADDRESS_SIZE = {0x11: 4, 0x21: 16}
"""Bytes of an address, by family and transport: TCP over IPv4 and over IPv6."""

Take = Callable[[socket.socket, Origin], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(port: int, take: Take) -> AsyncIterator[None]:
    """Hand over everybody who comes to a port, with where they really come from."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    with socket.create_server(("", port), family=family, dualstack_ipv6=both) as listener:
        listener.setblocking(False)
        accepting = asyncio.create_task(_accept(listener, take))
        try:
            yield
        finally:
            accepting.cancel()


async def _accept(listener: socket.socket, take: Take) -> None:
    strangers: set[asyncio.Task[None]] = set()
    while True:
        try:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        except OSError:  # too many open files, or a stranger who is gone again
            await asyncio.sleep(0.1)
            continue
        if len(strangers) >= MOST_STRANGERS:
            connection.close()
            continue
        task = asyncio.create_task(_take(connection, take))
        strangers.add(task)
        task.add_done_callback(strangers.discard)


async def _take(connection: socket.socket, take: Take) -> None:
    try:
        where = await origin(connection)
    except OSError:  # also a probe of the cluster's, which says nothing
        connection.close()
        return
    await take(connection, where)


async def origin(connection: socket.socket) -> Origin:
    """Address and port that a connection comes from.

    What follows the proxy's words is left to be read.

    Raises:
        OSError: it does not come through a proxy that says who it is.
    """
    connection.setblocking(False)
    async with asyncio.timeout(HEADER_SECONDS):
        head = await _exactly(connection, _HEAD_SIZE)
        if not head.startswith(SIGNATURE):
            raise ConnectionError("not through the proxy")
        body = await _exactly(connection, int.from_bytes(head[14:], "big"))
    size = _ADDRESS_SIZE.get(head[13])
    if head[12] != _PROXIED or size is None or len(body) < 2 * size + 4:
        raise ConnectionError("the proxy does not say from where")
    address = ipaddress.ip_address(body[:size])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int.from_bytes(body[2 * size : 2 * size + 2], "big")


async def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not part:
            raise ConnectionError("it ended")
        data += part
    return data
