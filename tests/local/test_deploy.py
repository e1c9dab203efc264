"""What a new user does, with the `qhub` program: init, deploy, change the file, destroy."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qhub.local import owned, status
from qhub.local.facts import Machine
from tests.local.browser import Kernel, Person
from tests.local.deployment import free_port, hashed, wait_until
from tests.local.test_files import BESIDE, problems

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
            [*QHUB, *arguments],
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=300,
            umask=0,  # nothing may depend on a careful shell
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


APART = 23300


def _apart(config: str) -> str:
    """Names and numbers away from those of a deployment that this machine may really have."""
    for old, new in ((r"\badmin\b", "clileads"), (r"\[users\]", "[clicrew]")):
        config = re.sub(old, new, config)
    config = config.replace("    users: {gid", "    clicrew: {gid")

    def moved(number: int) -> int:  # but one that `init` found to be of the same name already
        return number if number >= APART else number + 3300

    return re.sub(r"\b([ug]id: )(\d+)", lambda m: f"{m[1]}{moved(int(m[2]))}", config)


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
    model = ada.server_api("POST", "/kernels", {"name": "dask"})
    with Kernel(ada, model["id"]) as kernel:
        code = "import dask.dataframe, dask_gateway, matplotlib.pyplot, pandas; 1 + 1"
        assert kernel.run(code, 120) == "2"
    assert not Person(folder.machine.url).login("cliada", "wrong")


def test_what_lies_beside_the_file_is_closed(folder: Folder) -> None:
    assert problems(folder.path, BESIDE, os.geteuid(), {}) == []


@pytest.mark.skipif(not shutil.which("ssh"), reason="needs the OpenSSH client")
def test_ssh_comes_and_goes_with_the_file(folder: Folder, tmp_path: Path) -> None:
    key, port, before = tmp_path / "key", free_port(), folder.config.read_text()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    assert "not enabled" in folder.qhub("ssh-config", code=2).stderr
    folder.change("    cliada:\n", f"    cliada:\n      ssh_keys: ['{public}']\n")
    folder.config.write_text(
        f"{folder.config.read_text()}\nkubessh: {{enabled: true, port: {port}}}\n"
    )
    assert "not deployed" in folder.qhub("ssh-config", code=2).stderr
    assert folder.deploy()["addresses"]["SSH"] == f"ssh -p {port} NAME@127.0.0.1"
    (tmp_path / "config").write_text(folder.qhub("ssh-config", "--user", "cliada").stdout)
    (tmp_path / "known").write_text(folder.qhub("ssh-config", "--known-hosts").stdout)
    flags = ("-F", tmp_path / "config", "-i", key, "-o", "StrictHostKeyChecking=yes")
    trust = ("-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-o", "BatchMode=yes")
    said = subprocess.check_output(
        ["ssh", *flags, *trust, folder.machine.project_name, "echo $USER"], text=True
    )
    assert said.strip().endswith("cliada")
    assert folder.status()["is_well"]
    assert not folder.deploy()["changed"]
    folder.config.write_text(before)
    folder.deploy()
    assert "ssh" not in folder.pids()


def test_status_tells_what_programs_and_people_take(folder: Folder) -> None:
    folder.working("cliada", folder.password)
    found = {process["name"]: process for process in folder.status()["processes"]}
    for name in ("hub", "proxy", "server-cliada"):
        assert found[name]["state"] == "running"
        assert found[name]["pid"]
        assert 10_000_000 < found[name]["memory_bytes"] < 10_000_000_000
        assert found[name]["cpu_seconds"] > 0
        assert found[name]["uptime_seconds"] < 3600


def test_what_is_collected_for_support_holds_no_secret(folder: Folder) -> None:
    archive = folder.path / "support.tar.gz"
    folder.qhub("support", "--archive", str(archive))
    with tarfile.open(archive) as content:
        texts = [content.extractfile(entry) for entry in content.getmembers()]
        told = "".join(text.read().decode() for text in texts if text)
    private = folder.machine.private
    kept = [*private.glob("token-*"), private / "cookie_secret"]
    settings = json.loads((private / "settings.json").read_text())
    secrets = [path.read_text().strip() for path in kept]
    secrets += [user["password_hash"] for user in settings["users"].values()]
    assert len(secrets) > 5
    assert not [secret for secret in secrets if secret in told]
    assert "JupyterHub is now running" in told
    assert "jupyterhub==5" in told


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
    said: list[str] = []
    while not any("installing" in line for line in said[-1:]):
        said.append(process.stderr.readline())
        assert said[-1], said
    time.sleep(1)
    directory = cut.machine.directory
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    assert process.wait(timeout=30) == 130
    cut.qhub("status", code=1)
    cut.qhub("destroy", "--yes")
    assert not directory.exists()
    assert not (cut.path / ".qhub").exists()
