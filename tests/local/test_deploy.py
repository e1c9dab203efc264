"""What a new user does, with the `qhub` program: init, deploy, change the file, destroy."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qhub.local import owned, status
from qhub.local.facts import Machine
from tests.local.browser import Person
from tests.local.deployment import free_port, hashed, wait_until

QHUB = [sys.executable, "-m", "qhub"]


@dataclass
class Folder:
    """A deployment as its user sees it: a folder with a file in it."""

    path: Path
    password: str = ""

    @property
    def config(self) -> Path:
        return self.path / "qhub-config.yaml"

    @property
    def machine(self) -> Machine:
        machine = Machine.load(self.path / ".qhub" / "machine.json")
        assert machine is not None
        return machine

    def qhub(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*QHUB, *arguments], cwd=self.path, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def deploy(self) -> dict[str, Any]:
        """Deploy; returns the result, as programs read it."""
        lines = self.qhub("deploy", "--yes", "--output", "json").stdout.splitlines()
        result: dict[str, Any] = json.loads(lines[-1])
        assert result["type"] == "result"
        return result

    def status(self, code: int = 0) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(
            self.qhub("status", "--output", "json", code=code).stdout
        )
        return shown

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new, 1))

    def pids(self) -> dict[str, int | None]:
        return {process.name: process.pid for process in status.processes(self.machine)}

    def person(self, name: str, password: str) -> Person:
        """Somebody who has logged in."""
        person = Person(self.machine.url)
        assert person.login(name, password), person.page
        return person

    def working(self, name: str, password: str) -> Person:
        """Somebody who has a server, started now if there was none."""
        person = self.person(name, password)
        if not person.hub_api("GET", f"/users/{name}")["servers"]:
            person.start()
        person.enter()
        return person


def _apart(config: str) -> str:
    """Names and numbers away from those of a deployment that this machine may really have."""
    for old, new in ((r"\badmin\b", "clileads"), (r"\[users\]", "[clicrew]")):
        config = re.sub(old, new, config)
    config = config.replace("    users: {gid", "    clicrew: {gid")
    return re.sub(r"\b([ug]id: )(\d+)", lambda m: f"{m[1]}{int(m[2]) + 3300}", config)


def new_folder(path: Path, project: str) -> Folder:
    path.mkdir()
    folder = Folder(path)
    said = folder.qhub(
        *("init", "local", "--yes", "--project", project, "--port", str(free_port())),
        *("--admin", "cliada", "--output", "json"),
    )
    folder.password = json.loads(said.stdout)["password"]
    folder.config.write_text(_apart(folder.config.read_text()))
    return folder


@pytest.fixture(scope="module")
def folder(place: Path) -> Iterator[Folder]:
    made = new_folder(place / "user", "qhubcli")
    try:
        made.deploy()
        yield made
    finally:
        made.qhub("destroy", "--yes")


def test_login_with_the_password_of_init(folder: Folder) -> None:
    ada = folder.working("cliada", folder.password)
    assert ada.run("1 + 1") == "2"
    assert folder.status()["users_online"] == ["cliada"]
    assert not Person(folder.machine.url).login("cliada", "wrong")


def test_a_second_deploy_changes_nothing(folder: Folder) -> None:
    before = folder.pids()
    assert folder.deploy()["changed"] is False
    assert folder.pids() == before
    folder.qhub("deploy", "--plan", "--exit-code")


def test_users_come_and_go_without_ending_servers(folder: Folder) -> None:
    ada = folder.working("cliada", folder.password)
    before = folder.config.read_text()
    with ada.kernel() as kernel:
        kernel.run("x = 42")
        clibob = (
            f"clibob: {{uid: 24999, primary_group: clicrew, password: '{hashed('bobs')['hash']}'}}"
        )
        folder.change("    cliada:\n", f"    {clibob}\n    cliada:\n")
        folder.qhub("deploy", "--plan", "--exit-code", code=3)
        folder.deploy()
        assert kernel.run("x") == "42"
        folder.working("clibob", "bobs")
        (folder.machine.homes / "clibob" / "kept.txt").write_text("kept")
        folder.config.write_text(before)
        folder.deploy()
        assert kernel.run("x") == "42"
    assert not Person(folder.machine.url).login("clibob", "bobs")
    assert (folder.machine.homes / "clibob" / "kept.txt").read_text() == "kept"


def test_a_changed_port_and_killed_processes_are_put_right(folder: Folder) -> None:
    old = folder.machine.port
    folder.change(f"port: {old}", f"port: {free_port()}")
    assert folder.deploy()["addresses"]["JupyterHub"] == folder.machine.url
    assert folder.machine.port != old
    for process in list(owned.processes(folder.machine)):
        os.kill(process.pid, signal.SIGKILL)
    shown = folder.status(code=1)
    assert any(stage["drift"] for stage in shown["stages"])
    assert folder.deploy()["changed"] is True
    assert folder.status()["is_well"]
    folder.person("cliada", folder.password)


def test_logs(folder: Folder) -> None:
    assert {"hub", "proxy", "deploy"} <= {
        line.split()[0] for line in folder.qhub("logs").stdout.splitlines()
    }
    assert len(folder.qhub("logs", "hub", "-n", "3").stdout.splitlines()) == 3
    following = subprocess.Popen(
        [*QHUB, "logs", "hub", "-f", "-n", "1"], cwd=folder.path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert following.stdout is not None
        following.stdout.readline()
        Person(folder.machine.url).login("nobody-we-know", "x")
        assert "nobody-we-know" in wait_until(
            lambda: next((line for line in following.stdout or [] if "nobody" in line), "")
        )
    finally:
        following.kill()
        following.wait()


def test_nothing_secret_is_rendered_or_logged(folder: Folder) -> None:
    hashes = re.findall(r"\$argon2\S+", folder.config.read_text())
    secrets = [folder.password, (folder.machine.private / "token-qhub").read_text().strip()]
    for path in folder.path.rglob("*"):
        if path.is_file() and path != folder.config:
            text = path.read_text(errors="replace")
            assert not any(secret in text for secret in secrets), path
            if any(hashed.strip("'") in text for hashed in hashes):
                assert path.stat().st_mode & 0o777 == 0o600, path


def test_data_can_be_kept(folder: Folder) -> None:
    note = folder.machine.homes / "cliada" / "note.txt"
    note.write_text("mine")
    folder.qhub("destroy", "--yes", "--keep-data")
    assert note.read_text() == "mine"
    folder.deploy()
    assert note.read_text() == "mine"


def test_an_interrupted_first_deploy_leaves_nothing_after_destroy(place: Path) -> None:
    cut = new_folder(place / "cut", "qhubcut")
    process = subprocess.Popen(
        [*QHUB, "deploy", "--yes"], cwd=cut.path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert any("installing" in line for line in process.stderr)
    time.sleep(1)
    directory = cut.machine.directory
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    assert process.wait(timeout=30) == 130
    cut.qhub("status", code=1)
    cut.qhub("destroy", "--yes")
    assert not directory.exists()
    assert not (cut.path / ".qhub").exists()
