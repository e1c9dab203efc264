"""Serves a person's files, as a process of theirs: `python files.py sftp|scp WORDS`.

Speaks over standard input and output: SFTP, for which the words are the name of the client, or the
protocol that the program scp had before, for which they are its command line.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from asyncssh import SFTPServer
from asyncssh.logging import logger
from asyncssh.scp import run_scp_server
from asyncssh.sftp import run_sftp_server

SFTP_VERSION = 3
"""What OpenSSH speaks."""


class Pipe:
    """Standard input and output, as asyncssh takes the two ends of a channel.

    They block: nothing else is to be done meanwhile.
    """

    def __init__(self, client: str = "") -> None:
        self.logger = logger
        self.channel = self
        self._client = client
        self._input, self._output = os.fdopen(0, "rb"), os.fdopen(1, "wb")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._client if name == "client_version" else default

    def is_closing(self) -> bool:
        return False

    async def read(self, size: int) -> bytes:
        return self._input.read1(size)

    async def readline(self) -> bytes:
        return self._input.readline()

    async def readexactly(self, size: int) -> bytes:
        data = self._input.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def write(self, data: bytes) -> None:
        self._output.write(data)
        self._output.flush()

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        pass

    def exit(self, status: int) -> None:
        sys.exit(status)

    def abort(self) -> None:
        sys.exit(1)


def main() -> None:
    """Serve until the client has had enough."""
    kind, words = sys.argv[1], sys.argv[2]
    pipe = Pipe(words)
    server = SFTPServer(pipe)
    if kind == "sftp":
        asyncio.run(run_sftp_server(server, pipe, pipe, SFTP_VERSION))
    elif serving := run_scp_server(server, words, pipe, pipe, pipe):
        asyncio.run(serving)


if __name__ == "__main__":
    main()
