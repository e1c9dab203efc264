"""Opens connections in the name of a person, as a process of theirs: `python relay.py`.

Over its standard input, a socket, come requests: four bytes of length, then JSON, and with them a
socket to answer on: `+` and a port, two bytes, or `-` and why it can't be done. After
`{"connect": TARGET}` that socket carries what is said to and by the target. After
`{"listen": TARGET}` it tells of each who comes, by a byte of length and where they come from, and
is sent the socket that shall carry what they say. A target is `[HOST, PORT]` or a path.

The sockets are made by who asks: what a person's process holds of them can't stop the other end.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import sys
import threading
from typing import Any

CONNECT_SECONDS = 30
_STACK_BYTES = 256 * 1024
_CHUNK = 65536


def _received(control: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """Bytes with the descriptor that comes along; fewer of them at the end."""
    data, found = b"", []
    while len(data) < size:
        part, descriptors, _, _ = socket.recv_fds(control, size - len(data), 1)
        found += descriptors
        if not part:
            break
        data += part
    return data, found


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Carry one direction to its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for side, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            side.shutdown(how)


def _join(one: socket.socket, other: socket.socket) -> None:
    with one, other:
        back = threading.Thread(target=_pass_on, args=(other, one), daemon=True)
        back.start()
        _pass_on(one, other)
        back.join()


def _connect(target: Any) -> socket.socket:
    if isinstance(target, str):
        unix = socket.socket(socket.AF_UNIX)
        unix.connect(target)
        return unix
    connected = socket.create_connection(tuple(target), timeout=CONNECT_SECONDS)
    connected.settimeout(None)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _listen(target: Any) -> socket.socket:
    if isinstance(target, str):
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(target)
        unix.listen()
        return unix
    host, port = target
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def _accept(channel: socket.socket, listener: socket.socket) -> None:
    """Announce who comes, until nobody listens to that any more."""
    selector = selectors.DefaultSelector()
    for each in (channel, listener):
        selector.register(each, selectors.EVENT_READ)
    while True:
        if any(key.fileobj is channel for key, _ in selector.select()):
            return
        comer, address = listener.accept()
        origin = f"{address[0]} {address[1]}" if isinstance(address, tuple) else ""
        channel.sendall(bytes([len(origin)]) + origin.encode())
        _, descriptors = _received(channel, 1)
        if not descriptors:
            return
        carrier = socket.socket(fileno=descriptors[0])
        threading.Thread(target=_join, args=(carrier, comer), daemon=True).start()


def _answer(request: dict[str, Any], channel: socket.socket) -> None:
    path = request.get("listen")
    try:
        opened = _connect(request["connect"]) if "connect" in request else _listen(path)
    except (OSError, ValueError, OverflowError) as error:
        with contextlib.suppress(OSError), channel:
            channel.sendall(b"-" + str(getattr(error, "strerror", None) or error).encode())
        return
    with contextlib.suppress(OSError):
        if "connect" in request:
            channel.sendall(b"+\0\0")
            _join(channel, opened)
            return
        port = 0 if isinstance(path, str) else opened.getsockname()[1]
        try:
            channel.sendall(b"+" + port.to_bytes(2, "big"))
            _accept(channel, opened)
        finally:
            channel.close()
            opened.close()
            if isinstance(path, str):
                os.unlink(path)  # noqa: PTH108


def main() -> None:
    """Answer requests until nobody can ask any more."""
    os.umask(0o177)  # only the person may use a socket of theirs
    threading.stack_size(_STACK_BYTES)
    control = socket.socket(fileno=sys.stdin.fileno())
    while True:
        head, descriptors = _received(control, 4)
        if len(head) < 4:
            return
        body, more = _received(control, int.from_bytes(head, "big"))
        channel = socket.socket(fileno=[*descriptors, *more][0])
        request = json.loads(body)
        # What carries data may be cut off with the connection; what listens has to clean up.
        waits = "connect" in request
        threading.Thread(target=_answer, args=(request, channel), daemon=waits).start()


if __name__ == "__main__":
    main()
