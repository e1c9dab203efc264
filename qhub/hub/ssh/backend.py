"""What sessions and forwards know of a person's server: what they can have done there.

Two are behind it: `local`, where a server is a process of this machine, and `pod`, where it is a
pod of a cluster.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Target = tuple[str, int] | str
"""Host and port, or the path of a socket."""

Origin = tuple[str, int]
"""Where somebody who came to a listener comes from; an empty host where that is a path."""

Size = tuple[int, int, int, int]
"""Columns and rows of a terminal, then the same in pixels."""


@dataclass(frozen=True)
class Terminal:
    """The terminal that a program is to have."""

    kind: str
    size: Size


class Program(Protocol):
    """Something that runs for a person.

    The descriptors are our ends of what it reads and writes. With a terminal there is no `stderr`,
    and the other two are the terminal.
    """

    stdin: int
    stdout: int
    stderr: int | None

    def resize(self, size: Size) -> None:
        """Give the terminal another size."""

    def signal(self, number: int) -> None:
        """Send a signal to all that belongs to it."""

    def hang_up(self) -> None:
        """Nobody is there for it any more."""

    async def wait(self) -> int:
        """Its exit code, or minus the number of the signal that ended it."""


class Listening(Protocol):
    """A place where somebody may come to, at the person's server."""

    port: int
    """0 for a path."""

    async def accept(self) -> tuple[Origin, socket.socket]:
        """Who comes next, and a connection to them.

        Raises:
            OSError: nobody will come any more.
        """

    def close(self) -> None:
        """Let nobody come any more."""


class User(Protocol):
    """A person at their server, over one connection. All methods but `close` may raise OSError."""

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""

    async def start(
        self, command: str | None, extra: Mapping[str, str], terminal: Terminal | None
    ) -> Program:
        """Start a command line, or a login shell for None."""

    async def serve_files(self, client: str) -> Program:
        """Start what speaks SFTP; `client` is the name of the program that will."""

    async def connect(self, target: Target) -> socket.socket:
        """A connection that a process of the person made."""

    async def listen(self, target: Target) -> Listening:
        """What a process of the person listens on."""

    def close(self) -> None:
        """End what the connection had, but for what was started to stay."""


class Servers(Protocol):
    """The servers of everybody."""

    def alive(self, state: Mapping[str, Any]) -> bool:
        """Whether a server, by its state at the hub, may run."""

    async def user(self, name: str, people: Mapping[str, Any], state: Mapping[str, Any]) -> User:
        """A person at their server.

        Args:
            name: the person's name at the hub.
            people: `users` and `groups` of the settings.
            state: the state of the server at the hub.

        Raises:
            Refused: it can't be reached.
        """
