"""The supervisor: starts the deployment's programs, starts them again when they die.

`Program` says what to run; stages write theirs to `supervisor/conf.d` with `install`. A program
whose description or `revision` changed is started anew, all others are left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import os
import socket
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from qhub.errors import LocalError
from qhub.hub import logs
from qhub.local import owned, system
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private

START_SECONDS = 20.0
STOP_SECONDS = 30.0
TICK_SECONDS = 0.05
_SILENT = (OSError, http.client.HTTPException, xmlrpc.client.Error)
_ASLEEP = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


@dataclass(frozen=True)
class Program:
    """Something to keep running.

    Args:
        name: also the name of its log.
        command: program and arguments; no secrets, every user of the machine can read them.
        environment: secrets go here; the file is only readable for who deploys.
        priority: lower ones start first and stop last.
        revision: any text; when it changes, the program is started anew.
        stop_seconds: how long it may take to end before it is killed.
    """

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = 100
    revision: str = ""
    stop_seconds: int = 20

    def render(self, machine: Machine) -> str:
        """The program's section of supervisor's configuration."""
        environment = {**self.environment, "QHUB_REVISION": self.revision}
        pairs = ",".join(f"{key}={_quoted(value)}" for key, value in environment.items())
        log = machine.logs / f"{self.name}.log"
        return "\n".join(
            (
                f"[program:{self.name}]",
                f"command={' '.join(_quoted(str(part)) for part in self.command)}",
                f"environment={pairs}",
                f"directory={_escaped(str(machine.private))}",
                f"priority={self.priority}",
                "autostart=true",
                "autorestart=true",
                "startsecs=1",
                "startretries=20",
                f"stopwaitsecs={self.stop_seconds}",
                f"stdout_logfile={_escaped(str(log))}",
                f"stdout_logfile_maxbytes={logs.SIZE}",
                f"stdout_logfile_backups={logs.BACKUPS}",
                "redirect_stderr=true",
                "",
            )
        )


def _escaped(value: str) -> str:
    return value.replace("%", "%%")


def _quoted(value: str) -> str:
    """Quote for supervisor, which reads values with shlex after expanding `%(…)s`."""
    return '"' + _escaped(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self._path)


def _socket(machine: Machine) -> Path:
    return machine.sockets / "supervisor.sock"


@contextlib.contextmanager
def _remote(machine: Machine) -> Iterator[Any]:
    """The supervisor's XML-RPC interface."""
    transport = _Transport(_socket(machine))
    with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as server:
        yield server.supervisor


def identity(machine: Machine) -> str | None:
    """What the running supervisor calls itself; None when none answers."""
    try:
        with _remote(machine) as remote:
            return str(remote.getIdentification())
    except _SILENT:
        return None


def _wanted_identity(machine: Machine) -> str:
    """Changes with the environment, so that the supervisor is started anew with it."""
    text = f"{machine.environment('hub')}\n{machine.sockets}"
    return f"qhub-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def processes(machine: Machine) -> list[dict[str, Any]]:
    """What supervisor tells of every program; empty when it isn't running."""
    try:
        with _remote(machine) as remote:
            answer: list[dict[str, Any]] = remote.getAllProcessInfo()
            return answer
    except _SILENT:
        return []


def _configuration(machine: Machine) -> str:
    folder = machine.supervisor
    return "\n".join(
        (
            "[unix_http_server]",
            f"file={_escaped(str(_socket(machine)))}",
            "chmod=0600",
            "[supervisord]",
            f"logfile={_escaped(str(machine.logs / 'supervisor.log'))}",
            f"logfile_maxbytes={logs.SIZE}",
            f"logfile_backups={logs.BACKUPS}",
            f"pidfile={_escaped(str(folder / 'supervisord.pid'))}",
            f"childlogdir={_escaped(str(machine.logs))}",
            f"identifier={_wanted_identity(machine)}",
            "umask=077",
            *(["user=root"] if os.geteuid() == 0 else []),
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[include]",
            "files=conf.d/*.ini",
            "",
        )
    )


def clean_environment(machine: Machine) -> dict[str, str]:
    """All that services inherit: nothing of the shell, so no secret of who deploys."""
    kept = {key: os.environ[key] for key in ("LANG", "LC_ALL", "TZ") if key in os.environ}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "HOME": str(machine.private),
        "PATH": f"{machine.environment('hub') / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        owned.VARIABLE: str(machine.directory),
    }


def apply(machine: Machine, say: Callable[[str], None]) -> None:
    """Have the supervisor running, from the present environment; does nothing when it is.

    Raises:
        LocalError: it doesn't start.
    """
    for folder in (machine.supervisor, machine.sockets, machine.supervisor / "conf.d"):
        ensure_folder(folder, 0o700)
    if machine.sockets.stat().st_uid != os.geteuid():
        raise LocalError(f"{machine.sockets} belongs to somebody else", "Remove it.")
    write_private(machine.supervisor / "supervisord.conf", _configuration(machine))
    running = identity(machine)
    if running == _wanted_identity(machine):
        return
    stop(machine)
    say("starting the supervisor")
    _start(machine)


def _start(machine: Machine) -> None:
    log = machine.logs / "supervisor-start.log"
    configuration = machine.supervisor / "supervisord.conf"
    with log.open("w", encoding="utf-8") as output:
        log.chmod(0o600)
        status = subprocess.run(
            [machine.interpreter("hub"), "-m", "supervisor.supervisord", "-c", configuration],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=clean_environment(machine),
            cwd="/",
            start_new_session=True,
        ).returncode
    deadline = time.monotonic() + START_SECONDS
    while status == 0 and time.monotonic() < deadline:
        if identity(machine):
            return
        time.sleep(TICK_SECONDS)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise LocalError(
        f"the supervisor doesn't start: {said[-1] if said else 'no answer'}",
        f"Logs: {log}, {machine.logs / 'supervisor.log'}",
    )


def stop(machine: Machine) -> None:
    """End the supervisor and its programs; people's servers go on. Fine when none runs."""
    with contextlib.suppress(*_SILENT), _remote(machine) as remote:
        remote.shutdown()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:  # each question also wakes it from its wait
            remote.getState()
            time.sleep(TICK_SECONDS)
    system.end(partial(owned.services, machine))
    for leftover in (machine.supervisor / "supervisord.pid", _socket(machine)):
        leftover.unlink(missing_ok=True)


def install(machine: Machine, programs: Sequence[Program], of: Sequence[str] = ()) -> None:
    """Write programs to supervisor's configuration, then start, restart and wake as needed.

    Args:
        machine: where.
        programs: what to keep running.
        of: names that may be there from before; those no longer in `programs` are removed.
    """
    folder = machine.supervisor / "conf.d"
    for program in programs:
        write_private(folder / f"{program.name}.ini", program.render(machine))
    for name in set(of) - {program.name for program in programs}:
        (folder / f"{name}.ini").unlink(missing_ok=True)
    update(machine)


def uninstall(machine: Machine, names: Sequence[str]) -> None:
    """Stop programs and forget them; fine when they or the supervisor are not there."""
    for name in names:
        (machine.supervisor / "conf.d" / f"{name}.ini").unlink(missing_ok=True)
    if identity(machine) is not None:
        update(machine)


def update(machine: Machine) -> None:
    """Make what runs agree with the configuration files.

    Raises:
        LocalError: the supervisor doesn't answer, or not as it should.
    """
    try:
        with _alone(machine), _remote(machine) as remote:
            _update(remote)
    except _SILENT as error:
        raise LocalError(
            f"the supervisor did not take its new configuration: {error}",
            f"Log: {machine.logs / 'supervisor.log'}",
        ) from error


def pause(machine: Machine, spared: Sequence[str] = ()) -> None:
    """Stop programs, but for the spared ones, until the next `update`.

    Raises:
        LocalError: the supervisor doesn't answer, or a program doesn't end.
    """
    try:
        with _alone(machine), _remote(machine) as remote:
            names = _alive(remote) - {*spared}
            for name in names:
                remote.stopProcessGroup(name, False)
            deadline = time.monotonic() + STOP_SECONDS
            while left := names & _alive(remote):
                if time.monotonic() > deadline:
                    raise LocalError(f"{', '.join(sorted(left))} can't be stopped")
                time.sleep(TICK_SECONDS)
    except _SILENT as error:
        raise LocalError(f"the supervisor doesn't answer: {error}") from error


@contextlib.contextmanager
def _alone(machine: Machine) -> Iterator[None]:
    """Stages are applied side by side; supervisor tells each of what the other one changes."""
    path = machine.supervisor / "update.lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _update(remote: Any) -> None:
    [[added, changed, removed]] = remote.reloadConfig()
    gone = [*removed, *changed]
    for name in gone:
        remote.stopProcessGroup(name, False)
    deadline = time.monotonic() + STOP_SECONDS
    while set(gone) & _alive(remote) and time.monotonic() < deadline:
        time.sleep(TICK_SECONDS)
    for name in gone:
        remote.removeProcessGroup(name)
    for name in [*changed, *added]:
        remote.addProcessGroup(name)
    for info in remote.getAllProcessInfo():
        if info["statename"] in _ASLEEP and info["name"] not in [*changed, *added]:
            remote.startProcess(info["name"], False)


def _alive(remote: Any) -> set[str]:
    return {i["group"] for i in remote.getAllProcessInfo() if i["statename"] not in _ASLEEP}
