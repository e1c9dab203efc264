"""Who comes through a proxy: the PROXY protocol, and what is cut off."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

import pytest

from qhub.hub.ssh import proxied

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(source: str, port: int, *, command: int = 0x21, more: bytes = b"") -> bytes:
    """What a proxy says of somebody, with what else it may have to say."""
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    numbers = port.to_bytes(2, "big") + (8022).to_bytes(2, "big")
    body = address.packed * 2 + numbers + more
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2, "big") + body


def told(data: bytes, *, ends: bool = False) -> tuple[tuple[str, int], bytes]:
    """What is told of whoever sends this, and what is left to be read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        if ends:
            theirs.shutdown(socket.SHUT_WR)
        origin = asyncio.run(proxied.origin(ours))
        ours.settimeout(1)
        return origin, ours.recv(100)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_the_proxy_tells_where_from(source: str, seen: str) -> None:
    more = b"\x04\x00\x03abc"
    assert told(header(source, 4711, more=more) + b"SSH-2.0-") == ((seen, 4711), b"SSH-2.0-")


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 8022\r\n",
        header("203.0.113.7", 1, command=0x20),
        SIGNATURE + b"\x21\x11\x00\x02ab",
        SIGNATURE + b"\x21\x31\x00\x0c" + bytes(12),
        header("203.0.113.7", 1)[:20],
        b"",
    ],
)
def test_others_are_cut_off(data: bytes) -> None:
    with pytest.raises(ConnectionError):
        told(data, ends=True)


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxied, "HEADER_SECONDS", 0.1)
    with pytest.raises(TimeoutError):
        told(b"\r\n")


def test_everybody_is_handed_over_with_where_from() -> None:
    seen: list[tuple[bytes, tuple[str, int]]] = []

    async def take(connection: socket.socket, origin: tuple[str, int]) -> None:
        said = await asyncio.get_running_loop().sock_recv(connection, 100)
        seen.append((said, origin))
        connection.close()

    async def run(come: Callable[[], None]) -> None:
        async with proxied.listening(port, take):
            await asyncio.to_thread(come)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def come() -> None:
        for data in (b"nonsense that is no header", header("203.0.113.7", 9) + b"hello"):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(data)
                try:
                    assert connection.recv(1) == b""
                except ConnectionResetError:
                    assert data.startswith(b"nonsense")

    asyncio.run(run(come))
    assert seen == [(b"hello", ("203.0.113.7", 9))]
