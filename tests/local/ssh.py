"""The real OpenSSH client, against a deployment with SSH."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import websocket

from qhub.local import kubessh, owned, system
from tests.local.deployment import Deployment, free_port, hashed, wait_until

ADA, BEN = "qsshada", "qsshben"
GIGABYTE = 1024**3


def hub_settings() -> dict[str, Any]:
    """Ada leads, Ben does not; there is a choice of servers, of which Small is the one taken."""
    common = {"password": hashed("ssh"), "admin": False}
    return {
        "project_name": "qsshproject",
        "users": {
            ADA: common | {"uid": 30101, "primary_group": "leads", "groups": ["leads", "crew"]},
            BEN: common | {"uid": 30102, "primary_group": "crew", "groups": ["crew"]},
        },
        "groups": {"leads": {"gid": 30110}, "crew": {"gid": 30111}},
        "profiles": [
            {
                "display_name": "Small",
                "default": True,
                "cpu_limit": 1.0,
                "mem_limit": GIGABYTE,
                "environment": {"GREETING": "hello"},
            },
            {"display_name": "Big", "cpu_limit": 2.0, "mem_limit": 2 * GIGABYTE},
        ],
    }


class Place(Protocol):
    """Where SSH is reached."""

    address: str
    port: int

    @property
    def host_key(self) -> str: ...


@dataclass
class SshDeployment(Deployment):
    """A deployment with SSH; `keys` are the public keys that the next apply takes, by person."""

    settings: dict[str, Any] = field(default_factory=hub_settings)
    keys: dict[str, list[str]] = field(default_factory=dict)
    address: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    tokens: dict[str, str] = field(default_factory=dict)

    def ssh_up(self) -> None:
        kept = ("uid", "primary_group", "groups")
        users = {
            name: {key: user[key] for key in kept} | {"ssh_keys": self.keys.get(name, [])}
            for name, user in self.settings["users"].items()
        }
        settings = {"port": self.port, "users": users, "groups": self.settings["groups"]}
        path = self._written("ssh.tfvars.json", settings)
        code = self.runner.package / "hub"
        self.succeed("kubessh", "apply", "--settings", path, "--hub", code)

    def token(self, name: str, **wanted: Any) -> str:
        """A token of a person's, as the hub's page makes it; the same each time unless limited."""
        if wanted or name not in self.tokens:
            person = self.person(name, "ssh")
            answer = person.hub_api("POST", f"/users/{name}/tokens", {"note": "ssh", **wanted})
            if wanted:
                return str(answer["token"])
            self.tokens[name] = answer["token"]
        return self.tokens[name]

    def client(self, name: str, **options: Any) -> Client:
        """A client of a person's who logs in with their token."""
        return Client(self, name, options.pop("token", None) or self.token(name), **options)

    def server_ends(self, name: str) -> None:
        person = self.person(name, "ssh")
        person.stop()
        wait_until(lambda: not self.server_pid(name))

    def own_processes(self) -> list[system.Process]:
        """All that runs for people over SSH, and their servers."""
        return [process for _, process in owned.servers(self.machine)]

    @property
    def host_key(self) -> str:
        return (self.machine.private / f"{kubessh.HOST_KEY}.pub").read_text().strip()


@dataclass
class Client:
    """Runs ssh, scp and sftp for one person; no answer is asked of a terminal."""

    deployment: Place
    name: str
    token: str | None = None
    key: Path | None = None
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="qssh-")  # goes with the client
        self.folder = Path(self._temporary.name)
        self.known_hosts = self.folder / "known_hosts"
        address = f"[{self.deployment.address}]:{self.deployment.port}"
        self.known_hosts.write_text(f"{address} {self.deployment.host_key}\n")
        self.ask = self.folder / "ask"
        self.ask.write_text(f"#!/bin/sh\necho '{self.token or ''}'\n")
        self.ask.chmod(0o700)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        asking = {"SSH_ASKPASS": str(self.ask), "SSH_ASKPASS_REQUIRE": "force"}
        return {**kept, "LANG": "C.UTF-8", **asking}

    def flags(self, port_flag: str = "-p") -> list[str]:
        """What every program of OpenSSH takes."""
        login = ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]
        if self.key:
            login = ["-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
        return [
            *("-F", "/dev/null", port_flag, str(self.deployment.port)),
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
            *login,
            *self.options,
        ]

    @property
    def host(self) -> str:
        return f"{self.name}@{self.deployment.address}"

    def run(self, *words: str, stdin: bytes = b"", seconds: float = 120) -> Any:
        """`ssh HOST WORDS`: exit code, and what it said."""
        return self.call("ssh", *self.flags(), self.host, *words, stdin=stdin, seconds=seconds)

    def call(self, *command: str, stdin: bytes = b"", seconds: float = 120) -> Any:
        return subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, timeout=seconds
        )

    def says(self, *words: str, stdin: bytes = b"") -> str:
        """What a command says that succeeds."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return str(done.stdout.decode())

    def scp(self, *words: str) -> None:
        done = self.call("scp", "-q", *self.flags("-P"), *words)
        assert done.returncode == 0, done.stderr

    @contextmanager
    def background(self, *flags: str, words: tuple[str, ...] = ()) -> Iterator[Any]:
        """An ssh that stays: `flags` before the host, `words` after it."""
        process = subprocess.Popen(
            ["ssh", *self.flags(), "-o", "ExitOnForwardFailure=yes", *flags, self.host, *words],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def screen(self, *words: str, size: tuple[int, int] = (80, 24)) -> Screen:
        """A shell, or a command, on a terminal."""
        return Screen(["ssh", "-tt", *self.flags(), self.host, *words], self.environment, size)

    @contextmanager
    def forward(self, *flags: str) -> Iterator[Any]:
        """An ssh that only forwards."""
        with self.background("-N", *flags) as process:
            yield process


def answers(port: int, seconds: float = 60) -> socket.socket:
    """A connection to a port of this machine, as soon as somebody listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.1)


def as_json(text: str) -> Any:
    return json.loads(text.strip().splitlines()[-1])


class Screen:
    """A terminal of this machine with a program on it."""

    def __init__(self, command: list[str], environment: dict[str, str], size: tuple[int, int]):
        self._ours, theirs = os.openpty()
        self.resize(size)
        self._process = subprocess.Popen(
            command,
            env={**environment, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.seen = ""

    def resize(self, size: tuple[int, int]) -> None:
        columns, rows = size
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def expect(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Wait until this is on the screen, after what was waited for before."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self._ours], [], [], deadline - time.monotonic())
            assert ready, f"{pattern!r} does not come; there is {self.seen!r}"
            self.seen += os.read(self._ours, 4096).decode(errors="replace")
        self.seen = self.seen[found.end() :]
        return found

    def wait(self) -> int:
        return self._process.wait(60)

    def close(self) -> None:
        """Take the terminal away, as when a laptop is closed on it."""
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


def echoed(connection: socket.socket, data: bytes) -> bytes:
    """What comes back, until the other end says that it is all."""
    sender = threading.Thread(target=_send, args=(connection, data))
    sender.start()
    found = bytearray()
    while part := connection.recv(65536):
        found += part
    sender.join()
    connection.close()
    return bytes(found)


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def proxied(proxy: int, host: bytes, port: int) -> socket.socket:
    """A connection to a host, as SOCKS 5 writes it, and a port through a proxy."""
    connection = answers(proxy)
    connection.sendall(b"\x05\x01\x00")
    assert connection.recv(2) == b"\x05\x00"
    connection.sendall(b"\x05\x01\x00" + host + struct.pack(">H", port))
    assert connection.recv(10)[:2] == b"\x05\x00"
    return connection


BOOTSTRAP = r"""
set -e
echo "ready to start"
cat > ~/.bootstrap.py <<'END'
import asyncio, sys
from tornado import web, websocket, httpserver, netutil
class Echo(websocket.WebSocketHandler):
    def check_origin(self, origin): return True
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))
async def main():
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server = web.Application([("/echo", Echo)])
    httpserver.HTTPServer(server).add_sockets(sockets)
    print("listeningOn==%d==" % sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
END
nohup python ~/.bootstrap.py > ~/.bootstrap.log 2>&1 < /dev/null &
pid=$!
until grep -q listeningOn ~/.bootstrap.log; do sleep 0.1; done
cat ~/.bootstrap.log
echo "pid==$pid=="
echo "arch==$(uname -m)=="
while sleep 1; do :; done
"""


def bootstrap(client: Client) -> int:
    """Do as VSCode: a script over stdin starts a server, which is spoken to by WebSockets.

    Returns:
        The number of its process, which stays.
    """
    proxy = free_port()
    with client.background("-T", "-D", str(proxy), words=("sh",)) as shell:
        shell.stdin.write(BOOTSTRAP.encode())
        shell.stdin.flush()
        said = ""
        while "arch==" not in said:
            line = shell.stdout.readline().decode()
            assert line, shell.stderr.read()
            said += line
        port = int(re.search(r"listeningOn==(\d+)==", said)[1])
        pid = int(re.search(r"pid==(\d+)==", said)[1])
        data = os.urandom(4_000_000)
        for _ in range(2):
            connection = websocket.create_connection(
                f"ws://localhost:{port}/echo", socket=proxied(proxy, b"\x03\x09localhost", port)
            )
            connection.send_binary(data)
            assert connection.recv() == data
            connection.send("text")
            assert connection.recv() == "text"
            connection.close()
    return pid
