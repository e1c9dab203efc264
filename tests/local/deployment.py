"""A deployment of the local target, driven by `qhub-local` as Terraform would."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2

import qhub
from qhub.local import interpreter, owned, status, system
from qhub.local.facts import Machine
from qhub.local.hubapi import HubApi
from qhub.local.settings import MachineSettings
from tests.local.browser import Person

PACKAGE = Path(qhub.__file__).parent
GIGABYTE = 1024**3
_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def hashed(password: str) -> dict[str, str]:
    """A cheap hash of a password, as settings take it."""
    return {"hash": _HASHER.hash(password)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hub_settings() -> dict[str, Any]:
    """Alice is admin, Ben works with her in `sailors`; the profile `Secret` is only for admins."""
    return {
        "project_name": "qhubtest",
        "users": {
            "alice": {
                "uid": 23101,
                "password": hashed("alice's"),
                "admin": True,
                "primary_group": "captains",
                "groups": ["captains", "sailors"],
            },
            "ben": {
                "uid": 23102,
                "password": hashed("ben's"),
                "admin": False,
                "primary_group": "sailors",
                "groups": ["sailors"],
            },
        },
        "groups": {"captains": {"gid": 23110}, "sailors": {"gid": 23111}},
        "profiles": [
            {
                "display_name": "Small",
                "description": "For everyday work",
                "default": True,
                "cpu_limit": 1.0,
                "cpu_guarantee": 0.5,
                "mem_limit": GIGABYTE,
                "mem_guarantee": GIGABYTE // 2,
                "environment": {"GREETING": "hello"},
            },
            {
                "display_name": "Secret",
                "description": "More room, for those who look after the hub",
                "groups": ["captains"],
                "cpu_limit": 2.0,
                "mem_limit": 2 * GIGABYTE,
            },
        ],
        "theme": {"hub_title": "Test hub", "hub_subtitle": "Notebooks for the tests"},
    }


@dataclass
class Runner:
    """Who deploys, and with which `qhub-local`."""

    program: list[str]
    user: int | None = None
    home: Path | None = None
    package: Path = PACKAGE
    """The qhub whose files are deployed; one under a closed home is out of others' reach."""

    def give(self, folder: Path) -> None:
        """Make a folder and what is in it theirs."""
        for path in (folder, *folder.rglob("*")):
            if self.user is not None:
                os.chown(path, self.user, self.user, follow_symlinks=False)

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {key: os.environ[key] for key in ("PATH",)}
        pip = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))}
        home = str(self.home or Path.home())
        return subprocess.run(
            [*self.program, *map(str, arguments)],
            env={**pip, **kept, "HOME": home, **environment},
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            text=True,
            cwd="/",
            timeout=300,
            check=False,
        )


@dataclass
class Deployment:
    """One deployment; `machine_settings` and `settings` are what the next apply takes."""

    runner: Runner
    folder: Path
    machine_settings: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=hub_settings)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> Path:
        return self.folder / ".qhub" / "machine.json"

    @property
    def machine(self) -> Machine:
        machine = Machine.load(self.facts)
        assert machine is not None
        return machine

    @property
    def unix(self) -> bool:
        return self.machine.unix

    def call(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.runner.run(*arguments, "--facts", self.facts, **self.environment)

    def succeed(self, *arguments: str | Path) -> str:
        done = self.call(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _written(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        path.chmod(0o644)
        return path

    def apply_machine(self) -> subprocess.CompletedProcess[str]:
        settings = self._written("machine.tfvars.json", self.machine_settings)
        return self.call("machine", "apply", "--settings", settings)

    def apply_hub(self) -> subprocess.CompletedProcess[str]:
        settings = self._written("hub.tfvars.json", self.settings)
        return self.call(
            "jupyterhub", "apply", "--settings", settings, "--hub", self.runner.package / "hub"
        )

    def up(self) -> None:
        """All that a deploy does, in its order."""
        done = self.apply_machine()
        assert done.returncode == 0, done.stderr
        self.install()
        self.succeed("supervisor", "apply")
        self.hub_up()

    def apply_environment(self, name: str) -> None:
        templates = self.runner.package / "templates" / "stages" / "02-infrastructure" / "local"
        requirements = templates / "requirements" / f"{name}.txt"
        self.succeed("environment", "apply", name, "--requirements", requirements)

    def install(self) -> None:
        """Make both environments side by side, as Terraform does."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.apply_environment, ("hub", "user")))

    def hub_up(self) -> str:
        done = self.apply_hub()
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def down(self, keep_data: bool = False) -> None:
        done = self.runner.run(
            *("machine", "remove", "--facts", self.facts),
            **({"QHUB_KEEP_DATA": "1"} if keep_data else {}),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def person(self, name: str, password: str | None = None) -> Person:
        """Somebody who has logged in."""
        person = Person(self.machine.url)
        assert person.login(name, password or f"{name}'s"), person.page
        return person

    def stop_servers(self) -> None:
        """End all servers that still run, and those that are just starting."""
        api = HubApi(self.machine)
        with suppress(OSError, ValueError):  # a hub that is down has none
            for user in api.users():
                if user.get("server") or user.get("pending"):
                    api.stop_server(user["name"])

    def visitor(self) -> Person:
        """Somebody who has not logged in."""
        return Person(self.machine.url)

    def wanted_machine_settings(self) -> MachineSettings:
        return MachineSettings.model_validate(self.machine_settings)

    def process_with_pid(self, pid: int) -> subprocess.Popen[bytes] | None:
        """A process that gets a number which just became free; None where that can't be had."""
        try:
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1), encoding="utf-8")
        except OSError:
            return None
        process = subprocess.Popen(["sleep", "600"])
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
        return None

    def pid(self, name: str) -> int:
        return next(p.pid or 0 for p in status.processes(self.machine) if p.name == name)

    def server_pid(self, name: str) -> int:
        """The oldest process of a person's server."""
        found = [process.pid for who, process in owned.servers(self.machine) if who == name]
        return min(found, default=0)

    def kill(self, pid: int) -> None:
        assert pid
        os.kill(pid, signal.SIGKILL)

    def processes(self) -> list[int]:
        directory = str(self.machine.directory)
        return [
            process.pid
            for process in system.processes()
            if system.environment(process).get(owned.VARIABLE) == directory
        ]


def wait_until(true: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something is so; returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)
    return value


def runner_as_ordinary_user(folder: Path, uid: int) -> Runner:
    """A copy of qhub that an ordinary user reaches, for tests that run as root."""
    from uv import find_uv_bin

    found = interpreter.find_reachable()
    assert found is not None
    uv, venv = find_uv_bin(), folder / "venv"
    quiet = {"check": True, "capture_output": True, "umask": 0o022, "timeout": 300}
    subprocess.run([uv, "venv", "--python", found.path, venv], **quiet)  # type: ignore[call-overload]
    install = [uv, "pip", "install", "--python", venv / "bin/python"]
    subprocess.run([*install, f"{PACKAGE.parent}[local]"], **quiet)  # type: ignore[call-overload]
    for path in (venv, *venv.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    home = folder / "home"
    home.mkdir()
    os.chown(home, uid, uid)
    [package] = (venv / "lib").glob("python3.*/site-packages/qhub")
    return Runner([str(venv / "bin" / "qhub-local")], uid, home, package)


def own_runner() -> Runner:
    return Runner([sys.executable, "-m", "qhub.local"])


def new_deployment(runner: Runner, folder: Path, **machine: Any) -> Deployment:
    folder.mkdir(parents=True)
    runner.give(folder)
    settings = {"project_name": "qhubtest", "port": free_port(), **machine}
    return Deployment(runner, folder, settings)


def restoring(deployment: Deployment) -> Iterator[Deployment]:
    """Let a test change the settings; afterwards they are as before, and applied."""
    before = copy.deepcopy((deployment.machine_settings, deployment.settings))
    yield deployment
    deployment.machine_settings, deployment.settings = before
    deployment.environment = {}
    deployment.up()


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
