"""Does in a person's pod, as a process of theirs, what they ask for over SSH.

Its standard input and output carry streams, each opened by a request:

- `{"run": COMMAND, "environment": {…}, "terminal": [KIND, SIZE], "errors": NUMBER}` runs a command
  line, or a login shell for null; `{"python": SOURCE, …}` a program. Without a terminal its errors
  are the stream of that number. The exit code is told; signals and sizes may be.
- `{"connect": TARGET}` connects to `[HOST, PORT]` or a path.
- `{"listen": TARGET}` tells the port, and opens a stream for each who comes.

Each tells whether it could be done. Python 3.8 and its library have to be enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any

from . import terminal as terminals
from .streams import LINK, TELL, Broken, Stream, Streams

LOGIN_SHELL = ("/bin/bash", "-lc", 'PATH="$QHUB_PATH:$PATH" exec "$SHELL"')
"""A shell to work in. What the system does at a login makes a PATH without what the image has."""

CONNECT_SECONDS = 30
SILENCE_SECONDS = 150
"""How long the service may say nothing: it says something every half minute."""

_POLL_SECONDS = 0.01
_CHUNK, _LONGEST_REASON = 65536, 500


class Agent:
    """Answers requests."""

    def __init__(self) -> None:
        self.streams = Streams(2, self._asked)
        self._programs: set[int] = set()
        self._sockets: set[str] = set()
        self._tasks: set[asyncio.Future[None]] = set()

    def _asked(self, stream: Stream, request: Any) -> None:
        if "connect" in request:
            work = self._connect(stream, request["connect"])
        elif "listen" in request:
            work = self._listen(stream, request["listen"])
        else:
            work = self._run(stream, request)
        task = asyncio.ensure_future(self._answer(stream, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, stream: Stream, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.TimeoutError:  # noqa: UP041 - not yet the built-in one
            stream.tell(failed="it takes too long")
        except (OSError, ValueError, OverflowError, Broken, subprocess.SubprocessError) as error:
            stream.tell(failed=_reason(error)[:_LONGEST_REASON])

    # --- programs ---------------------------------------------------------------------------

    async def _run(self, stream: Stream, request: dict[str, Any]) -> None:
        environment = {"SHELL": _shell(), **os.environ, **request["environment"]}
        environment.setdefault("QHUB_PATH", environment.get("PATH", os.defpath))
        words = _words(request, environment["SHELL"])
        if request["terminal"] is None:
            process = await self._piped(stream, request["errors"], words, environment)
        else:
            process = await self._on_terminal(stream, request["terminal"], words, environment)
        self._programs.add(process.pid)
        stream.tell(done=True)
        listening = asyncio.ensure_future(_listen_to(stream, process))
        code = await process.wait()
        listening.cancel()
        self._programs.discard(process.pid)
        # A terminal has no end as long as anything is left in the background.
        while request["terminal"] is not None and stream.has_more():
            await asyncio.sleep(_POLL_SECONDS)
        stream.tell(exit=code)

    async def _piped(
        self, stream: Stream, errors: int, words: list[str], environment: dict[str, str]
    ) -> asyncio.subprocess.Process:
        (stdin, write), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            process = await _spawn(words, environment, (stdin, stdout, stderr), terminal=False)
        except BaseException:
            _close(write, out, err)
            raise
        finally:
            _close(stdin, stdout, stderr)
        stream.carry(out, write)
        self.streams.stream(errors).carry(err, None)
        return process

    async def _on_terminal(
        self, stream: Stream, terminal: list[Any], words: list[str], environment: dict[str, str]
    ) -> asyncio.subprocess.Process:
        kind, size = terminal
        ours, theirs = terminals.opened(size)
        try:
            environment = {**environment, "TERM": kind, "SSH_TTY": os.ttyname(theirs)}
            process = await _spawn(words, environment, (theirs,) * 3, terminal=True)
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        stream.carry(ours, os.dup(ours))
        return process

    # --- connections ------------------------------------------------------------------------

    async def _connect(self, stream: Stream, target: Any) -> None:
        connected = await asyncio.wait_for(_connected(target), CONNECT_SECONDS)
        stream.carry_socket(connected)
        stream.tell(done=True)

    async def _listen(self, stream: Stream, target: Any) -> None:
        listener = _listener(target)
        loop = asyncio.get_event_loop()

        def come() -> None:
            with contextlib.suppress(OSError):
                comer, address = listener.accept()
                origin = list(address[:2]) if isinstance(address, tuple) else ["", 0]
                try:
                    self.streams.open(comer=stream.number, origin=origin).carry_socket(comer)
                except Broken:  # there are too many already
                    comer.close()

        path = target if isinstance(target, str) else None
        if path:
            self._sockets.add(path)
        loop.add_reader(listener, come)
        try:
            stream.tell(done=True, port=0 if path else listener.getsockname()[1])
            while await stream.told.get() is not None:
                pass
        finally:
            loop.remove_reader(listener)
            listener.close()
            self._remove(path)

    def _remove(self, path: str | None) -> None:
        if path in self._sockets:
            self._sockets.discard(path)
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108

    def end(self) -> None:
        """Hang up on programs, and leave no socket behind."""
        for pid in self._programs:
            _signal(pid, signal.SIGHUP)
        for path in [*self._sockets]:
            self._remove(path)


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number > 0 else str(getattr(error, "strerror", None) or error)


async def _listen_to(stream: Stream, process: asyncio.subprocess.Process) -> None:
    while True:
        said = await stream.told.get()
        if said is None:
            return
        if "signal" in said:
            _signal(process.pid, said["signal"])
        elif stream.source is not None:
            with contextlib.suppress(OSError):
                terminals.resize(stream.source, said["size"])


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _shell() -> str:
    return "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"


def _words(request: dict[str, Any], shell: str) -> list[str]:
    if "python" in request:
        return [sys.executable, "-I", "-S", "-c", request["python"]]
    if request["run"] is not None:
        return [shell, "-c", request["run"]]
    return [*LOGIN_SHELL] if os.access(LOGIN_SHELL[0], os.X_OK) else [shell, "-l"]


async def _spawn(
    words: list[str], environment: dict[str, str], ends: tuple[int, ...], *, terminal: bool
) -> asyncio.subprocess.Process:
    stdin, stdout, stderr = ends
    return await asyncio.create_subprocess_exec(
        *words,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=terminals.take if terminal else None,
    )


async def _connected(target: Any) -> socket.socket:
    """A connection; to the first address of a host that answers."""
    loop = asyncio.get_event_loop()
    if isinstance(target, str):
        places: list[Any] = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", target)]
    else:
        places = await loop.getaddrinfo(*target, type=socket.SOCK_STREAM)
    failure = OSError("no such host")
    for family, kind, protocol, _, address in places:
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            if family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise failure


def _listener(target: Any) -> socket.socket:
    if isinstance(target, str):
        listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)  # only the person may use a socket of theirs
        try:
            listener.bind(target)
        except BaseException:
            listener.close()
            raise
        finally:
            os.umask(before)
        listener.listen()
    else:
        host, port = target
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    listener.setblocking(False)
    return listener


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


async def _write(data: bytes) -> None:
    loop, rest = asyncio.get_event_loop(), memoryview(data)
    while rest:
        try:
            rest = rest[os.write(1, rest) :]
        except BlockingIOError:
            ready = loop.create_future()
            loop.add_writer(1, ready.set_result, None)
            try:
                await ready
            finally:
                loop.remove_writer(1)


async def serve() -> None:
    """Answer until nobody can ask any more."""
    agent, loop = Agent(), asyncio.get_event_loop()
    over = loop.create_future()

    def read() -> None:
        try:
            data = os.read(0, _CHUNK)
            if not data:
                raise Broken("it ended")
            agent.streams.feed(data)
        except BlockingIOError:
            pass
        except (OSError, Broken):
            loop.remove_reader(0)
            if not over.done():
                over.set_result(None)

    for descriptor in (0, 1):
        os.set_blocking(descriptor, False)
    loop.add_reader(0, read)
    agent.streams.send(LINK, TELL, b"{}")
    sending = asyncio.ensure_future(agent.streams.send_with(_write))
    try:
        while not over.done() and not sending.done() and agent.streams.silence < SILENCE_SECONDS:
            await asyncio.wait(
                [over, sending], timeout=SILENCE_SECONDS / 5, return_when="FIRST_COMPLETED"
            )
    finally:
        agent.end()
        agent.streams.end()


def main() -> None:
    """Run, and leave nothing behind but what was started to stay."""
    os.umask(0o007)  # what is made in a group's folder, the group can change
    os.chdir(os.environ.get("HOME", "/"))
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        asyncio.run(serve())
