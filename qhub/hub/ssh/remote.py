"""A person's processes where their server is somewhere else: an agent there starts them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from .backend import Origin, Size, Target, Terminal
from .streams import LINK, TELL, Broken, Stream, Streams

BOOT = """\
import json, sys, types
for name, text in json.loads(sys.stdin.buffer.readline()).items():
    module = sys.modules[name] = types.ModuleType(name)
    module.__package__, module.__path__ = "qhub_ssh", []
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules["qhub_ssh.agent"].main()
"""
"""A Python program that makes modules of a line of JSON and is the agent from then on."""

BEAT_SECONDS = 30
_OPEN_SECONDS = 40
_FAILED = 255
_HERE = Path(__file__).parent

Read = Callable[[], Awaitable[bytes]]
Write = Callable[[bytes], Awaitable[Any]]


def program() -> bytes:
    """The line for `BOOT`."""
    parts = ("terminal", "streams", "agent")
    modules = {f"qhub_ssh.{part}": (_HERE / f"{part}.py").read_text("utf-8") for part in parts}
    return json.dumps({"qhub_ssh": "", **modules}).encode() + b"\n"


@dataclass
class RemoteProgram:
    """Something that the agent started."""

    stream: Stream
    errors: Stream | None
    stdin: int
    stdout: int
    stderr: int | None

    def resize(self, size: Size) -> None:
        self.stream.tell(size=size)

    def signal(self, number: int) -> None:
        self.stream.tell(signal=number)

    def hang_up(self) -> None:
        self.signal(signal.SIGHUP)
        for stream in (self.stream, self.errors):
            if stream is not None:
                stream.close()

    async def wait(self) -> int:
        said = await self.stream.told.get()
        while isinstance(said, dict) and "exit" not in said:
            said = await self.stream.told.get()
        await self.stream.written.wait()
        return _code(said["exit"]) if isinstance(said, dict) else -signal.SIGHUP


def _code(said: Any) -> int:
    known = isinstance(said, int) and (0 <= said <= 255 or -said in {*signal.Signals})
    return said if known else _FAILED


@dataclass
class RemoteListening:
    """Where the agent listens."""

    stream: Stream
    port: int
    comers: asyncio.Queue[tuple[Origin, socket.socket] | None] = field(
        default_factory=asyncio.Queue
    )

    async def accept(self) -> tuple[Origin, socket.socket]:
        comer = await self.comers.get()
        if comer is None:
            raise ConnectionError("nobody will come any more")
        return comer

    def close(self) -> None:
        self.stream.close()
        while not self.comers.empty():
            if comer := self.comers.get_nowait():
                comer[1].close()
        self.comers.put_nowait(None)


class RemoteUser:
    """A person at their server, over one connection.

    Args:
        read: gives what the agent says; nothing at the end.
        write: says something to the agent.
        end: ends the agent.
    """

    def __init__(self, read: Read, write: Write, end: Callable[[], None]) -> None:
        self._read, self._write, self._end = read, write, end
        self._streams = Streams(1, self._came)
        self._listening: dict[int, RemoteListening] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        self._carrying: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._carrying is not None and not self._carrying.done()

    async def meet(self) -> None:
        """Start the agent, of which `BOOT` runs already.

        Raises:
            OSError: it does not answer.
        """
        self._carrying = asyncio.create_task(self._carry())
        met = asyncio.create_task(self._streams.met.wait())
        try:
            await asyncio.wait(
                [met, self._carrying], timeout=_OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            met.cancel()
            if not self._streams.met.is_set():
                self._carrying.cancel()
        if not self._streams.met.is_set():
            raise OSError("nothing answers there")

    async def _carry(self) -> None:
        others: list[asyncio.Task[None]] = []
        try:
            await self._write(program())
            others = [
                asyncio.create_task(self._streams.send_with(self._write)),
                asyncio.create_task(self._beat()),
            ]
            while data := await self._read():
                self._streams.feed(data)
        except (OSError, Broken):
            pass
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for listening in [*self._listening.values()]:
                listening.close()
            self._streams.end()
            self._end()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._streams.send(LINK, TELL, b"{}")

    def close(self) -> None:
        if self._carrying is not None:
            self._carrying.cancel()

    async def _ask(self, **request: Any) -> tuple[Stream, dict[str, Any]]:
        try:
            stream = self._streams.open(**request)
        except Broken as error:
            raise OSError(str(error)) from error
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                said = await stream.told.get()
            if not isinstance(said, dict) or "done" not in said:
                raise OSError(str((said or {}).get("failed", "your server ended")))
        except BaseException:
            stream.close()
            raise
        return stream, said

    # --- programs ---------------------------------------------------------------------------

    async def start(
        self, command: str | None, extra: Mapping[str, str], terminal: Terminal | None
    ) -> RemoteProgram:
        asked = None if terminal is None else (terminal.kind, terminal.size)
        return await self._run(run=command, environment=dict(extra), terminal=asked)

    async def serve_files(self, client: str) -> RemoteProgram:
        del client
        source = (_HERE / "sftp.py").read_text("utf-8")
        return await self._run(python=source, environment={}, terminal=None)

    async def _run(self, *, terminal: Any, **request: Any) -> RemoteProgram:
        errors = self._streams.stream() if terminal is None else None
        try:
            stream, _ = await self._ask(
                terminal=terminal, errors=errors.number if errors else None, **request
            )
        except BaseException:
            if errors:
                errors.close()
            raise
        (stdin, write), (out, stdout) = os.pipe(), os.pipe()
        stream.carry(stdin, stdout)
        err = None
        if errors:
            err, stderr = os.pipe()
            errors.carry(None, stderr)
        return RemoteProgram(stream, errors, write, out, err)

    # --- connections ------------------------------------------------------------------------

    async def connect(self, target: Target) -> socket.socket:
        stream, _ = await self._ask(connect=target)
        return self._joined(stream)

    async def listen(self, target: Target) -> RemoteListening:
        stream, said = await self._ask(listen=target)
        port = said.get("port")
        listening = RemoteListening(stream, port if _is_port(port) else 0)
        self._listening[stream.number] = listening
        return listening

    def _came(self, stream: Stream, request: Any) -> None:
        try:
            listening, (host, port) = self._listening[request["comer"]], request["origin"]
        except (LookupError, TypeError, ValueError) as error:
            raise Broken("somebody came to nowhere") from error
        if not isinstance(host, str) or not _is_port(port):
            raise Broken("somebody came from nowhere")
        listening.comers.put_nowait(((host, port), self._joined(stream)))

    def _joined(self, stream: Stream) -> socket.socket:
        ours, theirs = socket.socketpair()
        stream.carry_socket(ours)
        task = asyncio.create_task(_finish(stream))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return theirs


async def _finish(stream: Stream) -> None:
    await stream.done.wait()
    stream.close()


def _is_port(port: Any) -> TypeGuard[int]:
    return isinstance(port, int) and 0 <= port <= 65535
