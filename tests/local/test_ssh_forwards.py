"""What SSH carries: files by every protocol of OpenSSH, connections in both directions, VSCode."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.local.deployment import free_port, wait_until
from tests.local.ssh import ADA, Client, SshDeployment, answers, bootstrap, echoed, proxied

SIZE = 50_000_000


@pytest.fixture(scope="module")
def ada(ssh: SshDeployment) -> Client:
    """Ada, whose server runs."""
    client = ssh.client(ADA)
    client.says("true")
    return client


@pytest.fixture
def home(ssh: SshDeployment) -> Path:
    return ssh.machine.homes / ADA


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big file"
    path.write_bytes(os.urandom(SIZE))
    path.chmod(0o640)
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_hers(ssh: SshDeployment, path: Path) -> bool:
    owner = path.stat().st_uid
    return owner == (30101 if ssh.unix else ssh.folder.stat().st_uid)


@pytest.mark.parametrize("protocol", ["-s", "-O"])
def test_scp(ssh: SshDeployment, ada: Client, home: Path, big: Path, protocol: str) -> None:
    there = home / "from here"
    ada.scp(
        protocol,
        "-p",
        str(big),
        f"{ada.host}:from here" if protocol == "-s" else f"{ada.host}:'from here'",
    )
    assert _digest(there) == _digest(big)
    assert _is_hers(ssh, there)
    assert there.stat().st_mode & 0o777 == 0o640
    assert int(there.stat().st_mtime) == int(big.stat().st_mtime)
    back = big.with_name("back")
    ada.scp(protocol, f"{ada.host}:from*", str(back))
    assert _digest(back) == _digest(big)
    folder = big.with_name("folder")
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("x")
    ada.scp(protocol, "-r", str(folder), f"{ada.host}:")
    assert (home / "folder" / "sub" / "file").read_text() == "x"
    ada.scp(protocol, "-r", f"{ada.host}:folder", str(folder / "again"))
    assert (folder / "again" / "sub" / "file").read_text() == "x"
    shutil.rmtree(home / "folder")
    there.unlink()


def test_the_old_scp_without_a_program_of_that_name(ssh: SshDeployment, tmp_path: Path) -> None:
    """What serves SFTP speaks the old protocol, too; here it runs in the place of ssh."""
    words = f"{ssh.machine.interpreter('hub')} -I {ssh.machine.ssh / 'files.py'}"
    stand_in = tmp_path / "ssh"
    stand_in.write_text(f'#!/bin/sh\nfor last; do :; done\nexec {words} scp "$last"\n')
    stand_in.chmod(0o755)
    (tmp_path / "one").write_bytes(os.urandom(5_000_000))
    for source, target in (("one", "localhost:there"), ("localhost:there", "back")):
        command = ["scp", "-q", "-O", "-S", str(stand_in), source, target]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
    assert _digest(tmp_path / "back") == _digest(tmp_path / "there") == _digest(tmp_path / "one")
    command = ["scp", "-q", "-O", "-S", str(stand_in), "localhost:missing", str(tmp_path)]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode != 0


def test_what_one_may_not_read_is_not_served(ssh: SshDeployment, ada: Client) -> None:
    if not ssh.unix:
        pytest.skip("without Unix users the services' files are the person's own")
    secret = ssh.machine.private / "ssh.json"
    done = ada.call("scp", *ada.flags("-P"), f"{ada.host}:{secret}", "/dev/null")
    assert done.returncode != 0
    assert b"token" not in done.stdout
    done = ada.call("scp", *ada.flags("-P"), "/etc/hostname", f"{ada.host}:/etc/qssh")
    assert done.returncode != 0
    assert not Path("/etc/qssh").exists()


def test_sftp(ssh: SshDeployment, ada: Client, home: Path, big: Path) -> None:
    back = big.with_name("back")
    batch = "\n".join(
        (
            "mkdir work",
            "cd work",
            f'put "{big}" one',
            "rename one two",
            "ln -s two three",
            "chmod 600 two",
            f"get three {back}",
            "mkdir empty",
            "rmdir empty",
            "ls -l",
            "pwd",
        )
    )
    flags = ("-o", "BatchMode=no", *ada.flags("-P"))
    done = ada.call("sftp", "-q", *flags, "-b", "-", ada.host, stdin=batch.encode())
    assert done.returncode == 0, done.stderr
    assert f"{home}/work".encode() in done.stdout
    assert _digest(back) == _digest(big) == _digest(home / "work" / "two")
    assert (home / "work" / "two").stat().st_mode & 0o777 == 0o600
    assert (home / "work" / "three").readlink() == Path("two")
    assert _is_hers(ssh, home / "work" / "two")
    shutil.rmtree(home / "work")


class Echo(threading.Thread):
    """Sends back what it gets; knows from which port the last visitor came."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(daemon=True)
        self.listener, self.came_from = listener, None
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, self.came_from = self.listener.accept()
                threading.Thread(target=self._serve, args=(visitor,), daemon=True).start()

    @staticmethod
    def _serve(visitor: socket.socket) -> None:
        with visitor:
            while data := visitor.recv(65536):
                visitor.sendall(data)
            visitor.shutdown(socket.SHUT_WR)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Echo(listener)


def test_a_port_from_there(ssh: SshDeployment, ada: Client, echo: Echo) -> None:
    port, data = free_port(), os.urandom(20_000_000)
    target = echo.listener.getsockname()[1]
    with ada.forward("-L", f"{port}:127.0.0.1:{target}"):
        assert echoed(answers(port), data) == data
        connection = answers(port)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        if ssh.unix:
            assert _owner_of_port(echo.came_from[1]) == 30101, "a process of hers connected"
        many = [answers(port) for _ in range(30)]
        for number, one in enumerate(many):
            one.sendall(bytes([number]))
        assert [one.recv(1) for one in many] == [bytes([number]) for number in range(30)]
        for one in (connection, *many):
            one.close()


def _owner_of_port(port: int) -> int:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
            return int(fields[7])
    raise AssertionError(f"nobody is connected from {port}")


def test_a_port_where_nobody_listens(ada: Client) -> None:
    port = free_port()
    nobody = ada.forward("-L", f"{port}:127.0.0.1:{free_port()}")
    with nobody, contextlib.suppress(ConnectionResetError):
        assert answers(port).recv(1) == b""


def test_any_port_through_a_proxy(ada: Client, echo: Echo) -> None:
    port = free_port()
    with ada.forward("-D", str(port)):
        for host in (b"\x01" + socket.inet_aton("127.0.0.1"), b"\x03\x09localhost"):
            connection = proxied(port, host, echo.listener.getsockname()[1])
            assert echoed(connection, b"through") == b"through"


def test_a_socket_from_there(ssh: SshDeployment, ada: Client, home: Path, tmp_path: Path) -> None:
    there, here = home / "there.sock", tmp_path / "here.sock"
    script = (
        "import socket, struct; s = socket.socket(socket.AF_UNIX); s.bind('there.sock'); "
        "s.listen(); print('ready', flush=True); c, _ = s.accept(); "
        "peer = c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12); "
        "c.sendall(b'%d' % struct.unpack('3i', peer)[1]); c.close()"
    )
    with ada.background(words=(f'python -c "{script}"',)) as server:
        assert server.stdout.readline() == b"ready\n"
        with ada.forward("-L", f"{here}:{there}"):
            wait_until(here.exists, 60)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(here))
                said = connection.recv(20)
    expected = 30101 if ssh.unix else ssh.folder.stat().st_uid
    assert said == b"%d" % expected
    there.unlink()


def test_sockets_of_root_stay_closed(ssh: SshDeployment, ada: Client, tmp_path: Path) -> None:
    if not ssh.unix:
        pytest.skip("without Unix users the services' sockets are the person's own")
    supervisor = ssh.machine.sockets / "supervisor.sock"
    assert supervisor.exists()
    here = tmp_path / "here.sock"
    with ada.forward("-L", f"{here}:{supervisor}"):
        wait_until(here.exists, 60)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(here))
            with contextlib.suppress(ConnectionResetError):
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert connection.recv(1) == b""


@pytest.mark.parametrize("host", ["", "127.0.0.1:", "0.0.0.0:"])
def test_a_port_from_here(ssh: SshDeployment, ada: Client, echo: Echo, host: str) -> None:
    port, target = free_port(), echo.listener.getsockname()[1]
    data = os.urandom(3_000_000)
    with ada.forward("-R", f"{host}{port}:127.0.0.1:{target}"):
        assert echoed(answers(port), data) == data
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        [listener] = [
            f for f in map(str.split, lines) if f[1].endswith(f":{port:04X}") and f[3] == "0A"
        ]
        assert listener[1].startswith("0100007F"), "nobody from elsewhere reaches it"
        if ssh.unix:
            assert listener[7] == "30101"
    wait_until(lambda: _is_free(port), 60)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def test_a_port_that_the_server_chooses(ada: Client, echo: Echo) -> None:
    target = echo.listener.getsockname()[1]
    with ada.forward("-R", f"0:127.0.0.1:{target}") as process:
        said = process.stderr.readline().decode()
        port = int(re.search(r"Allocated port (\d+)", said)[1])
        assert echoed(answers(port), b"chosen") == b"chosen"


def test_a_port_that_is_taken_is_not_given(ada: Client, echo: Echo) -> None:
    taken = echo.listener.getsockname()[1]
    with ada.forward("-R", f"{taken}:127.0.0.1:{taken}") as process:
        assert process.wait(60) == 255
        assert b"remote port forwarding failed" in process.stderr.read()


def test_a_socket_from_here(ssh: SshDeployment, ada: Client, home: Path, echo: Echo) -> None:
    there, target = home / "back.sock", echo.listener.getsockname()[1]
    with ada.forward("-R", f"{there}:127.0.0.1:{target}"):
        wait_until(there.exists, 60)
        assert there.stat().st_mode & 0o777 == 0o600
        assert _is_hers(ssh, there)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(there))
            assert echoed(connection, b"back") == b"back"
    wait_until(lambda: not there.exists(), 60)


def test_nothing_of_a_connection_is_left(ssh: SshDeployment, ada: Client, echo: Echo) -> None:
    port, target = free_port(), echo.listener.getsockname()[1]
    with ada.forward("-L", f"{port}:127.0.0.1:{target}"):
        connection = answers(port)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        assert _relays(ssh)
    wait_until(lambda: not _relays(ssh), 60)


def _relays(ssh: SshDeployment) -> list[int]:
    relay = str(ssh.machine.ssh / "relay.py")
    return [p.pid for p in ssh.own_processes() if relay in p.cmdline()]


def test_a_stopped_relay_holds_up_nobody_else(ssh: SshDeployment, ada: Client, echo: Echo) -> None:
    port, target = free_port(), echo.listener.getsockname()[1]
    with ada.forward("-L", f"{port}:127.0.0.1:{target}"):
        first = answers(port)
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        ada.says("pkill -STOP -f relay.py")
        stuck = [answers(port) for _ in range(300)]
        started = time.monotonic()
        assert ada.says("echo on") == "on\n"
        assert time.monotonic() - started < 30
        for one in stuck:
            one.close()
        ada.says("pkill -CONT -f relay.py")


def test_what_vscode_does(ada: Client) -> None:
    """A script over stdin starts a server; a WebSocket goes through the forwarded port."""
    pid = bootstrap(ada)
    assert ada.run(f"kill -0 {pid}").returncode == 0, "the next connection finds it again"
    ada.says(f"kill {pid}")


def test_one_connection_for_many(ada: Client, tmp_path: Path) -> None:
    control = tmp_path / "control"
    shared = replace(ada, options=("-o", f"ControlPath={control}"))
    with shared.background("-M", "-N"):
        wait_until(control.exists, 60)
        without = replace(shared, token="")
        for number in range(15):
            assert without.says(f"echo {number}") == f"{number}\n"
