"""One channel of a connection: a shell, a command, or somebody's files."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

from .backend import Program, Terminal, User
from .hub import Refused, Say

FAILED = 255
"""Exit code of what could not be started, as of ssh itself."""

_END_OF_INPUT = b"\x04\x04"
"""On a terminal the first only ends a line that was begun."""

_POLL_SECONDS = 0.01
_LOCALE = ("LANG", "LC_")


class Input(asyncio.BaseProtocol):
    """Slows the client down to what the program reads."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.full = False

    def pause_writing(self) -> None:
        self.full = True
        self._channel.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        # Not at once: asyncio's pipe drops what is left when its end is written in this very call.
        asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        if not self._channel.is_closing():
            self._channel.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()  # what nobody reads any more is thrown away


class Output(asyncio.Protocol):
    """Carries what a program writes; `ended` when it has written everything."""

    def __init__(self, channel: Any, kind: int | None) -> None:
        self._channel, self._kind = channel, kind
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if not self._channel.is_closing():
            self._channel.write(data, self._kind)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class Session(asyncssh.SSHServerSession):
    """Starts what the client asks for and carries its input and output.

    Args:
        user: gives the person, with a server that runs.
        extra: environment that tells where the connection comes from.
        client: name of the client's program.
    """

    def __init__(
        self,
        user: Callable[[Say], Awaitable[User]],
        extra: dict[str, str],
        client: str,
    ) -> None:
        self._user, self._extra, self._client = user, extra, client
        self._terminal: Terminal | None = None
        self._command: str | None = None
        self._files = False
        self._program: Program | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._outputs: list[asyncio.ReadTransport] = []
        self._early, self._ended = bytearray(), False
        self._closed = False

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        self._terminal = Terminal(term_type, term_size)
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._files = subsystem == "sftp"
        return self._files

    def session_started(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            self._program = await self._start()
        except (Refused, OSError, ValueError) as error:
            self._tell(str(error))
            self._channel.exit(FAILED)
            return
        outputs = await self._connect(self._program)
        if self._closed:
            self._hang_up()
        code = await self._program.wait()
        await self._rest(outputs)
        if self._closed:
            return
        if code < 0:
            self._channel.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            self._channel.exit(code)

    async def _start(self) -> Program:
        interactive = self._terminal is not None and self._command is None
        user = await self._user(self._tell if interactive else lambda text: None)
        if self._files:
            return await user.serve_files(self._client)
        given = self._channel.get_environment().items()
        locale = {key: value for key, value in given if key.startswith(_LOCALE)}
        return await user.start(self._command, {**locale, **self._extra}, self._terminal)

    def _tell(self, text: str) -> None:
        if not self._channel.is_closing():
            self._channel.write_stderr(f"{text}\r\n".encode())

    async def _connect(self, program: Program) -> list[Output]:
        loop = asyncio.get_running_loop()
        kinds = {program.stdout: None, program.stderr: asyncssh.EXTENDED_DATA_STDERR}
        outputs = []
        for descriptor, kind in kinds.items():
            if descriptor is not None:
                transport, output = await loop.connect_read_pipe(
                    lambda kind=kind: Output(self._channel, kind),
                    os.fdopen(descriptor, "rb", 0),
                )
                self._outputs.append(transport)
                outputs.append(output)
        self._stdin, given = await loop.connect_write_pipe(
            lambda: Input(self._channel), os.fdopen(program.stdin, "wb", 0)
        )
        self._stdin.write(bytes(self._early))
        if self._ended:
            self.eof_received()
        elif not given.full:
            given.resume_writing()
        return outputs

    async def _rest(self, outputs: list[Output]) -> None:
        """Wait for the last of the output.

        A terminal has no end as long as anything is left in the background: what it was told until
        now is all there is.
        """
        if self._terminal is None:
            await asyncio.gather(*(output.ended.wait() for output in outputs))
            return
        [terminal] = outputs
        while not terminal.ended.is_set() and self._has_more():
            await asyncio.sleep(_POLL_SECONDS)

    def _has_more(self) -> bool:
        if not self._is_open:
            return False
        poll = select.poll()
        poll.register(self._outputs[0].get_extra_info("pipe"), select.POLLIN)
        return bool(poll.poll(0))

    @property
    def _is_open(self) -> bool:
        """Whether the terminal is; else its number may be that of something else."""
        return bool(self._outputs) and not self._outputs[0].is_closing()

    def data_received(self, data: bytes, datatype: Any) -> None:
        if self._stdin is None:
            self._early += data
            self._channel.pause_reading()
        elif not self._stdin.is_closing():
            self._stdin.write(data)

    def eof_received(self) -> bool:
        self._ended = True
        if self._stdin is not None and not self._stdin.is_closing():
            if self._terminal is None:
                self._stdin.write_eof()
            else:
                self._stdin.write(_END_OF_INPUT)
        return True

    def pause_writing(self) -> None:
        for transport in self._outputs:
            transport.pause_reading()

    def resume_writing(self) -> None:
        for transport in self._outputs:
            if not transport.is_closing():
                transport.resume_reading()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        size = (width, height, pixwidth, pixheight)
        if self._program is not None and self._is_open:
            self._program.resize(size)
        elif self._terminal is not None:
            self._terminal = Terminal(self._terminal.kind, size)

    def signal_received(self, name: str) -> None:
        number = getattr(signal, f"SIG{name}", None)
        if self._program is not None and number is not None:
            self._program.signal(number)

    def break_received(self, msec: int) -> bool:
        self.signal_received("INT")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone, and what it was for goes with it."""
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        if self._program is not None:
            self._program.hang_up()
        for transport in (self._stdin, *self._outputs):
            if transport is not None:
                transport.close()
