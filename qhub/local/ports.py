"""Ports: which are free, and who has those that are not."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection, Sequence

INTERNAL = range(15000, 32000)
"""Where internal ports are taken from: below those that systems hand to outgoing connections."""

RESERVED: Sequence[int] = (*range(788, 800), *range(834, 847), *range(914, 953), *range(956, 989))
"""Ports that only root may take, assigned to nobody: while a service of ours is down, no user of
the machine can answer in its place."""


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a service could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def next_free(port: int, address: str = "127.0.0.1") -> int | None:
    """The first free port above this one; None when there is none near."""
    above = range(port + 1, min(port + 200, 65536))
    return next((candidate for candidate in above if is_free(candidate, address)), None)


def pick(taken: Collection[int] = (), *, reserved: bool = False) -> int:
    """A free internal port, none of those in `taken`; of `RESERVED` where wanted and possible."""
    own = random.sample(RESERVED, len(RESERVED)) if reserved else []
    for port in own:
        if port not in taken and is_free(port):
            return port
    while True:
        port = random.choice(INTERNAL)  # noqa: S311  (no secret: only spreads deployments apart)
        if port not in taken and is_free(port):
            return port
