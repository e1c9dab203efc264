"""Waiting for database and queue, which may come up later than who needs them."""

from __future__ import annotations

import socket
import time
from typing import Any
from urllib.parse import urlsplit

PORTS = {"database": 5432, "queue": 6379}
WAIT_SECONDS = 600
POLL_SECONDS = 1.0


def wait(settings: dict[str, Any]) -> None:
    """Wait until both answer, where there are any: a program that ends looks broken from outside.

    Raises:
        OSError: one doesn't, or its name leads nowhere.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    for name, port in PORTS.items():
        address = urlsplit(settings.get(name, ""))
        while address.hostname:
            try:
                socket.create_connection((address.hostname, address.port or port), 5).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
