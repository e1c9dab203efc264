"""A person's processes where their server is a process of this machine.

What they start over SSH is as their server is: the same user, groups, environment and limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..account import LOGIN_SHELL, Account, start_time
from ..limits import Cgroup, like
from . import terminal as terminals
from .backend import Origin, Size, Target, Terminal

_OPEN_SECONDS = 40
_LONGEST_REASON = 500


def alive(state: Mapping[str, Any]) -> bool:
    """Whether a server, by its state at the hub, really runs."""
    return bool(state.get("started")) and start_time(state["pid"]) == state["started"]


@dataclass(frozen=True)
class LocalServers:
    """Servers that are processes of this machine.

    Args:
        machine: what the settings tell of it.
    """

    machine: Mapping[str, Any]

    def alive(self, state: Mapping[str, Any]) -> bool:
        return alive(state)

    async def user(
        self, name: str, people: Mapping[str, Any], state: Mapping[str, Any]
    ) -> LocalUser:
        account = Account.of(name, {**people, "machine": self.machine})
        return LocalUser(account, state, Path(self.machine["tools"]), self.machine["hub_python"])


@dataclass
class LocalProgram:
    """A process of a person's."""

    process: asyncio.subprocess.Process
    stdin: int
    stdout: int
    stderr: int | None

    def resize(self, size: Size) -> None:
        with contextlib.suppress(OSError):
            terminals.resize(self.stdout, size)

    def signal(self, number: int) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def hang_up(self) -> None:
        self.signal(signal.SIGHUP)

    async def wait(self) -> int:
        return await self.process.wait()


@dataclass
class LocalListening:
    """Where a process of a person's listens, and announces who comes.

    Whatever it says: it is not to be trusted.
    """

    channel: socket.socket
    port: int

    async def accept(self) -> tuple[Origin, socket.socket]:
        try:
            [size] = await exactly(self.channel, 1)
            words = (await exactly(self.channel, size)).decode().split()
            origin = (words[0], int(words[1])) if words else ("", 0)
        except (ValueError, IndexError) as error:
            raise ConnectionError("the relay says what can't be read") from error
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.channel, [b"+"], [theirs.fileno()])
        return origin, ours

    def close(self) -> None:
        self.channel.close()


@dataclass
class LocalUser:
    """A person at their server, over one connection.

    Args:
        account: what the server runs as.
        state: what the hub knows of the server.
        tools: folder of `relay.py` and `files.py`, where the person can read them.
        python: interpreter that has asyncssh.
    """

    account: Account
    state: Mapping[str, Any]
    tools: Path
    python: str
    _relay: socket.socket | None = field(default=None, init=False)

    @property
    def alive(self) -> bool:
        return alive(self.state)

    def environment(self) -> dict[str, str]:
        """The server's own: what a terminal of JupyterLab has."""
        try:
            data = Path("/proc", str(self.state["pid"]), "environ").read_bytes()
        except OSError:
            data = b""
        pairs = (os.fsdecode(pair).partition("=") for pair in data.split(b"\0") if pair)
        found = {key: value for key, _, value in pairs}
        return {**found, **self.account.environment()}

    def _prepare(self, then: Callable[[], None] | None = None) -> Callable[[], None]:
        pid, account = self.state["pid"], self.account
        cgroup = Cgroup.of(account.directory, account.name) if account.unix else None
        if cgroup is not None and pid not in cgroup.processes():
            cgroup = None
        bind, become = like(pid), account.prepare(cgroup, {})

        def prepare() -> None:
            bind()
            become()
            if then:
                then()

        return prepare

    async def start(
        self, command: str | None, extra: Mapping[str, str], terminal: Terminal | None
    ) -> LocalProgram:
        environment = {**self.environment(), **extra}
        words = [*LOGIN_SHELL] if command is None else [environment["SHELL"], "-c", command]
        if command and command.startswith("scp ") and not _has("scp", environment):
            words = [*self._files(), "scp", command]
        if terminal is None:
            return await self._piped(words, environment)
        return await self._on(terminal, words, environment)

    async def serve_files(self, client: str) -> LocalProgram:
        return await self._piped([*self._files(), "sftp", client], self.environment())

    def _files(self) -> list[str]:
        return [self.python, "-I", str(self.tools / "files.py")]

    async def _piped(self, words: list[str], environment: dict[str, str]) -> LocalProgram:
        (stdin, write), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            process = await self._spawn(
                words, environment, (stdin, stdout, stderr), self._prepare()
            )
        except BaseException:
            _close(write, out, err)
            raise
        finally:
            _close(stdin, stdout, stderr)
        return LocalProgram(process, write, out, err)

    async def _on(
        self, terminal: Terminal, words: list[str], environment: dict[str, str]
    ) -> LocalProgram:
        ours, theirs = terminals.opened(terminal.size)
        try:
            if self.account.unix:
                os.fchown(theirs, self.account.uid, -1)
            environment |= {"TERM": terminal.kind, "SSH_TTY": os.ttyname(theirs)}
            process = await self._spawn(
                words, environment, (theirs,) * 3, self._prepare(terminals.take)
            )
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        return LocalProgram(process, os.dup(ours), ours, None)

    async def _spawn(
        self,
        words: list[str],
        environment: dict[str, str],
        ends: tuple[int, int, int],
        prepare: Callable[[], None],
    ) -> asyncio.subprocess.Process:
        stdin, stdout, stderr = ends
        try:
            return await asyncio.create_subprocess_exec(
                *self.account.command(words),
                env=environment,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=prepare,
            )
        except subprocess.SubprocessError as error:
            raise OSError(f"{words[0]} could not be started as {self.account.name}") from error

    async def connect(self, target: Target) -> socket.socket:
        carrier, _ = await self._ask({"connect": target})
        return carrier

    async def listen(self, target: Target) -> LocalListening:
        return LocalListening(*await self._ask({"listen": target}))

    async def _ask(self, request: dict[str, Any]) -> tuple[socket.socket, int]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                body = json.dumps(request).encode()
                await self._send(len(body).to_bytes(4, "big") + body, theirs)
            async with asyncio.timeout(_OPEN_SECONDS):
                if await exactly(ours, 1) == b"+":
                    return ours, int.from_bytes(await exactly(ours, 2), "big")
                reason = await asyncio.get_running_loop().sock_recv(ours, _LONGEST_REASON)
                raise OSError(reason.decode(errors="replace"))
        except BaseException:
            ours.close()
            raise

    async def _send(self, message: bytes, channel: socket.socket) -> None:
        relay = await self._running_relay()
        try:
            socket.send_fds(relay, [message], [channel.fileno()])
        except BrokenPipeError:
            self._relay = None  # it was killed: the next request gets another
            raise

    async def _running_relay(self) -> socket.socket:
        if self._relay is None:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)  # a stopped relay must not stop us
            self._relay = ours
            with theirs, Path(os.devnull).open("wb") as nowhere:
                words = [self.account.python, "-I", "-S", str(self.tools / "relay.py")]
                ends = (theirs.fileno(), nowhere.fileno(), nowhere.fileno())
                await self._spawn(words, self.environment(), ends, self._prepare())
        return self._relay

    def close(self) -> None:
        """End the relay, and with it the connections that it carries."""
        if self._relay is not None:
            self._relay.close()


def _has(program: str, environment: Mapping[str, str]) -> bool:
    return shutil.which(program, path=environment["PATH"]) is not None


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


async def exactly(channel: socket.socket, size: int) -> bytes:
    """So many bytes from a socket that doesn't block.

    Raises:
        ConnectionError: it ended before.
    """
    data = b""
    while len(data) < size:
        part = await asyncio.get_running_loop().sock_recv(channel, size - len(data))
        if not part:
            raise ConnectionError("the relay ended")
        data += part
    return data
