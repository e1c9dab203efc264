"""What runs in people's pods for SSH, started here as a process and asked as the service asks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from qhub.hub.ssh.backend import Terminal
from qhub.hub.ssh.remote import BOOT, RemoteProgram, RemoteUser
from qhub.hub.ssh.streams import DATA, MOST, OPEN, Broken, Streams

Test = Callable[[RemoteUser, asyncio.subprocess.Process], Awaitable[None]]


@contextlib.asynccontextmanager
async def agent(home: Path) -> AsyncIterator[tuple[RemoteUser, asyncio.subprocess.Process]]:
    """Somebody whose agent runs here, and the agent."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", BOOT),
        cwd="/",
        env={"HOME": str(home), "PATH": "/opt/image/bin:" + os.environ["PATH"], "GREETING": "hi"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin
    assert stdout

    async def write(data: bytes) -> None:
        stdin.write(data)
        await stdin.drain()

    user = RemoteUser(lambda: stdout.read(65536), write, stdin.close)
    try:
        await user.meet()
        yield user, process
    finally:
        user.close()
        stdin.close()
        with contextlib.suppress(ProcessLookupError):
            await asyncio.wait_for(process.wait(), 10)


def with_agent(test: Test) -> Callable[[Path], None]:
    """A test as pytest takes it."""

    async def run(home: Path) -> None:
        async with asyncio.timeout(60), agent(home) as (user, process):
            await test(user, process)

    def wrapped(tmp_path: Path) -> None:
        asyncio.run(run(tmp_path))

    wrapped.__name__ = getattr(test, "__name__", "test")
    return wrapped


async def all_of(descriptor: int) -> bytes:
    """What can be read to the end."""

    def read() -> bytes:
        data = b""
        with contextlib.suppress(OSError):
            while part := os.read(descriptor, 65536):
                data += part
        return data

    return await asyncio.to_thread(read)


async def until(descriptor: int, text: bytes) -> bytes:
    """What is read up to a text."""

    def read() -> bytes:
        data = b""
        while text not in data:
            part = os.read(descriptor, 4096)
            assert part, data
            data += part
        return data

    return await asyncio.to_thread(read)


def give(program: RemoteProgram, data: bytes) -> None:
    """Write all of a program's input."""
    with os.fdopen(program.stdin, "wb") as stdin, contextlib.suppress(BrokenPipeError):
        stdin.write(data)


async def said(user: RemoteUser, command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    program = await user.start(command, {}, None)
    assert program.stderr is not None
    giving = asyncio.to_thread(give, program, stdin)
    _, code, out, errors = await asyncio.gather(
        giving, program.wait(), all_of(program.stdout), all_of(program.stderr)
    )
    return code, out, errors


@with_agent
async def test_a_command(user: RemoteUser, process: object) -> None:
    code, out, errors = await said(user, "echo $GREETING; pwd; umask; echo no >&2; exit 7")
    assert (code, errors) == (7, b"no\n")
    greeting, folder, mask = out.decode().split()
    assert (greeting, Path(folder).name, mask) == ("hi", Path(folder).name, "0007")


@with_agent
async def test_what_a_signal_ends(user: RemoteUser, process: object) -> None:
    assert (await said(user, "kill -TERM $$"))[0] == -signal.SIGTERM


@with_agent
async def test_signals_reach_all_of_a_program(user: RemoteUser, process: object) -> None:
    program = await user.start("sleep 50 & echo $!; wait", {}, None)
    await until(program.stdout, b"\n")
    program.signal(signal.SIGTERM)
    assert await program.wait() == -signal.SIGTERM
    assert await all_of(program.stdout) == b""  # it was the last to have it open


@with_agent
async def test_much_arrives_whole(user: RemoteUser, process: object) -> None:
    data = os.urandom(20_000_000)
    code, out, _ = await said(user, "cat", data)
    assert code == 0
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()


@with_agent
async def test_what_nobody_reads_holds_up_no_other(user: RemoteUser, process: object) -> None:
    stuck = await user.start("yes", {}, None)
    await asyncio.sleep(0.5)
    assert (await said(user, "echo free"))[1] == b"free\n"
    stuck.hang_up()
    assert await stuck.wait() == -signal.SIGHUP


@with_agent
async def test_what_a_program_does_not_read_is_thrown_away(
    user: RemoteUser, process: object
) -> None:
    code, out, _ = await said(user, "exec <&-; sleep .2; echo done", b"x" * 5_000_000)
    assert (code, out) == (0, b"done\n")


@with_agent
async def test_a_terminal(user: RemoteUser, process: object) -> None:
    program = await user.start(
        "read line; stty size; echo $TERM; test -t 1; exit 3",
        {},
        Terminal("xterm", (100, 40, 0, 0)),
    )
    program.resize((120, 50, 0, 0))
    await asyncio.sleep(0.2)
    os.write(program.stdin, b"go\n")
    seen = await until(program.stdout, b"xterm\r\n")
    assert b"50 120" in seen
    assert await program.wait() == 3
    program.hang_up()


@with_agent
async def test_a_login_shell_finds_what_the_image_has(user: RemoteUser, process: object) -> None:
    program = await user.start(None, {"SHELL": "/bin/sh"}, None)
    giving = asyncio.to_thread(give, program, b'echo "$PATH"; exit 4\n')
    _, code, out = await asyncio.gather(giving, program.wait(), all_of(program.stdout))
    assert code == 4
    assert out.startswith(b"/opt/image/bin:")


@with_agent
async def test_what_is_left_in_the_background_keeps_no_terminal(
    user: RemoteUser, process: object
) -> None:
    program = await user.start("sleep 30 & echo $!; exit 0", {}, Terminal("xterm", (80, 24, 0, 0)))
    pid = int(await until(program.stdout, b"\n"))
    assert await asyncio.wait_for(program.wait(), 5) == 0
    program.hang_up()
    os.kill(pid, signal.SIGKILL)


@with_agent
async def test_all_ends_with_the_connection(
    user: RemoteUser, process: asyncio.subprocess.Process
) -> None:
    program = await user.start("exec sleep 77", {}, None)
    place = "/".join(("", "tmp", f"qssh-agent-{os.getpid()}.sock"))
    await user.listen(place)
    assert Path(place).stat().st_mode & 0o777 == 0o600
    user.close()
    assert await program.wait() == -signal.SIGHUP
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert not Path(place).exists()
    assert not user.alive


# --- connections --------------------------------------------------------------------------------


async def ask(connection: socket.socket, data: bytes) -> bytes:
    """Say something, say that it was all, and hear the answer to the end."""
    connection.setblocking(False)
    loop = asyncio.get_running_loop()

    async def say() -> None:
        await loop.sock_sendall(connection, data)
        connection.shutdown(socket.SHUT_WR)

    async def hear() -> bytes:
        heard = b""
        while part := await loop.sock_recv(connection, 65536):
            heard += part
        return heard

    _, heard = await asyncio.gather(say(), hear())
    connection.close()
    return heard


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say the digest of what was said."""
    digest = hashlib.sha256()
    while part := await reader.read(65536):
        digest.update(part)
    writer.write(digest.hexdigest().encode())
    writer.close()


@with_agent
async def test_connections(user: RemoteUser, process: object) -> None:
    data = os.urandom(3_000_000)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    path = f"/tmp/qssh-{os.getpid()}.sock"  # noqa: S108 - short, as names of sockets must be
    unix = await asyncio.start_unix_server(answer, path)
    port = server.sockets[0].getsockname()[1]
    expected = hashlib.sha256(data).hexdigest().encode()
    targets: list[Any] = [("127.0.0.1", port), ("localhost", port), path] * 5
    opened = await asyncio.gather(*map(user.connect, targets))
    assert set(await asyncio.gather(*(ask(one, data) for one in opened))) == {expected}
    server.close()
    unix.close()
    Path(path).unlink(missing_ok=True)


@with_agent
async def test_more_connections_than_streams_at_a_time(user: RemoteUser, process: object) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    target = ("127.0.0.1", server.sockets[0].getsockname()[1])
    for _ in range(6):
        opened = await asyncio.gather(*(user.connect(target) for _ in range(60)))
        await asyncio.gather(*(ask(one, b"hello") for one in opened))
    server.close()


@with_agent
async def test_where_nobody_listens(user: RemoteUser, process: object) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="refused"):
            await user.connect(("127.0.0.1", taken.getsockname()[1]))
    with pytest.raises(OSError, match=r"[Nn]o such file"):
        await user.connect("/nowhere/at/all")
    assert user.alive


@with_agent
async def test_listening(user: RemoteUser, process: object) -> None:
    listening = await user.listen(("127.0.0.1", 0))
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    (host, port), comer = await listening.accept()
    assert (host, port) == writer.get_extra_info("sockname")
    writer.write(b"knock")
    writer.write_eof()
    assert await ask(comer, b"come in") == b"knock"
    assert await reader.read() == b"come in"
    with pytest.raises(OSError, match="in use"):
        await user.listen(("127.0.0.1", listening.port))
    listening.close()
    with pytest.raises(OSError, match="nobody"):
        await listening.accept()
    await asyncio.sleep(0.2)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", listening.port)


# --- an agent that is not to be trusted -----------------------------------------------------------


def frame(number: int, kind: int, data: bytes) -> bytes:
    return struct.pack("!IBI", number, kind, len(data)) + data


@pytest.mark.parametrize(
    "lie",
    [
        frame(3, OPEN, b"{}"),
        frame(2, OPEN, b"[" * 60_000),
        frame(2, OPEN, b"7"),
        frame(2, OPEN, b'{"comer": 1, "origin": ["here", 1]}'),
        frame(2, OPEN, b'{"comer": [], "origin": 7}'),
        struct.pack("!IBI", 1, DATA, 1 << 30),
        frame(0, 6, b""),
        frame(1, 3, b"\xff" * 8),
        frame(1, 77, b""),
        frame(1, DATA, b"x" * 100_000) * 3,
    ],
)
def test_lies_end_the_connection(lie: bytes) -> None:
    async def run() -> None:
        said: asyncio.Queue[bytes] = asyncio.Queue()
        said.put_nowait(frame(0, 1, b"{}"))
        user = RemoteUser(said.get, lambda _: asyncio.sleep(0), lambda: None)
        await user.meet()
        asked = asyncio.create_task(user.connect(("127.0.0.1", 1)))
        await asyncio.sleep(0.01)
        said.put_nowait(lie)
        with pytest.raises(OSError, match="ended"):
            await asked
        assert not user.alive

    asyncio.run(run())


def test_an_end_that_takes_nothing_is_given_up() -> None:
    async def run() -> None:
        streams = Streams(1, lambda stream, request: None)
        stream = streams.open()
        for _ in range(50):
            streams.send(stream.number, DATA, b"x" * 100_000)
        assert streams.full
        with pytest.raises(Broken):
            streams.feed(frame(0, 1, b"{}"))

    asyncio.run(run())


def test_there_are_only_so_many_streams() -> None:
    async def run() -> None:
        streams = Streams(1, lambda stream, request: None)
        [first, *_] = [streams.stream() for _ in range(MOST)]
        with pytest.raises(Broken):
            streams.stream()
        first.close()
        streams.stream()

    asyncio.run(run())
