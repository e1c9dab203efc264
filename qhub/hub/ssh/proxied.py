"""Who comes through a proxy, by what it says of them: version 2 of HAProxy's PROXY protocol."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEADER_SECONDS = 10
_HEAD_SIZE, _PROXIED = 16, 0x21
_ADDRESS_SIZE = {0x11: 4, 0x21: 16}
"""Bytes of an address, by family and transport: TCP over IPv4 and over IPv6."""


async def origin(connection: socket.socket) -> tuple[str, int]:
    """Address and port that a connection comes from.

    What follows the proxy's words is left to be read.

    Raises:
        OSError: it does not come through a proxy that says who it is.
    """
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
