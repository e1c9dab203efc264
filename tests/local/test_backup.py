"""Backup and restore of real deployments, with the `qhub` program, in either mode."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qhub.backup.save import FRESH_NS
from qhub.local import status
from qhub.local.facts import Machine
from tests.local.browser import Person
from tests.local.deployment import (
    Runner,
    free_port,
    hashed,
    own_runner,
    runner_as_ordinary_user,
    wait_until,
)

pytestmark = pytest.mark.timeout(1800)  # two deployments in a test

IS_ROOT = os.geteuid() == 0
DEPLOYER = "qbak-deployer"
CONFIG = """\
project_name: qbak{mode}
local: {{isolation: {mode}, port: {port}}}
security:
  groups:
    qbakcrew: {{gid: 32110}}
  users:
    qbakada: {{uid: 32101, primary_group: qbakcrew, password: '{ada}'}}
    qbakben: {{uid: 32102, primary_group: qbakcrew, password: '{ben}'}}
"""


@dataclass
class Folder:
    """A deployment as its admin sees it, and a place for backups."""

    path: Path
    backups: Path
    runner: Runner
    mode: str

    @property
    def machine(self) -> Machine:
        machine = Machine.load(self.path / ".qhub" / "machine.json")
        assert machine is not None
        return machine

    def command(self, *arguments: str | Path) -> list[str]:
        program = self.runner.program
        qhub = [program[0].removesuffix("-local")] if len(program) == 1 else [*program[:2], "qhub"]
        config = ("-c", self.path / "qhub-config.yaml")
        return [*qhub, *map(str, (*arguments, *config))]

    def qhub(self, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=900, **self.someone()
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def someone(self) -> dict[str, Any]:
        """As whom the program runs."""
        kept = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "PIP_", "UV_", "SSL"))}
        if self.runner.user is None:
            return {"cwd": "/"}
        user = self.runner.user
        environment = {**kept, "HOME": str(self.runner.home)}
        return {"cwd": "/", "user": user, "group": user, "extra_groups": [], "env": environment}

    def result(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """What a command tells programs in its last line."""
        said = self.qhub(*arguments, "--output", "json", code=code).stdout.splitlines()
        found: dict[str, Any] = json.loads(said[-1])
        return found

    def person(self, name: str) -> Person:
        """Somebody who is logged in and has a server."""
        person = Person(self.machine.url)
        assert person.login(name, f"{name}'s"), person.page
        if not person.hub_api("GET", f"/users/{name}")["servers"]:
            person.start(seconds=120)
        person.enter()
        return person

    def home(self, name: str) -> Path:
        return self.machine.homes / name

    def fill(self, name: str, count: int) -> Path:
        """Put files into somebody's home."""
        folder = self.home(name) / "data"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:05}").write_bytes(os.urandom(2000))
        self.give(folder, name)
        return folder

    def give(self, folder: Path, name: str) -> None:
        home = self.home(name).stat()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, home.st_uid, home.st_gid, follow_symlinks=False)

    def pid(self, name: str) -> int | None:
        return {one.name: one.pid for one in status.processes(self.machine)}.get(name)


@pytest.fixture(scope="module", params=["none", "unix"])
def folder(request: pytest.FixtureRequest, place: Path) -> Iterator[Folder]:
    """A deployment in either mode; without isolation it is an ordinary user's."""
    mode = request.param
    if mode == "unix" and not IS_ROOT:
        pytest.skip("Unix users need root")
    made = mode == "none" and IS_ROOT
    runner = _somebody(place / "backup-runner") if made else own_runner()
    path, backups = place / f"backup-{mode}", place / f"backup-{mode}-target"
    for one in (path, backups):
        one.mkdir(mode=0o700)
        runner.give(one)
    text = CONFIG.format(
        mode=mode,
        port=free_port(),
        **{name: hashed(f"qbak{name}'s")["hash"] for name in ("ada", "ben")},
    )
    (path / "qhub-config.yaml").write_text(text)
    deployed = Folder(path, backups, runner, mode)
    try:
        deployed.qhub("deploy", "--yes")
        yield deployed
    finally:
        deployed.qhub("destroy", "--yes")
        shutil.rmtree(path)
        shutil.rmtree(backups)
        if made:
            subprocess.run(["userdel", DEPLOYER], check=True)


def _somebody(folder: Path) -> Runner:
    folder.mkdir()
    subprocess.run(["userdel", DEPLOYER], capture_output=True, check=False)
    subprocess.run(["useradd", "--user-group", "--no-create-home", DEPLOYER], check=True)
    return runner_as_ordinary_user(folder, int(subprocess.check_output(["id", "-u", DEPLOYER])))


def _who(hub: str, token: str) -> str | None:
    """Whom the hub takes the owner of a token for."""
    request = urllib.request.Request(
        f"{hub}/hub/api/user", headers={"Authorization": f"token {token}"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return str(json.load(answer)["name"])
    except urllib.error.HTTPError as error:
        if error.code == 403:
            return None
        raise


def test_all_is_there_again_on_a_new_deployment(folder: Folder) -> None:
    target = folder.backups / "whole"
    ada = folder.person("qbakada")
    ada.run(
        "from pathlib import Path; Path('work').mkdir(); Path('work/note').write_text('mine');"
        "Path('shared/qbakcrew/ours').write_text('ours')"
    )
    token = ada.hub_api("POST", "/users/qbakada/tokens", {"note": "script"})["token"]
    service = (folder.machine.private / "token-qhub").read_text().strip()
    assert _who(folder.machine.url, token) == "qbakada"
    first = folder.result("backup", target)
    assert first["unreadable"] == []
    assert status.online(folder.machine) == ["qbakada"], "nobody's server was ended"
    for path in (target, *target.rglob("*")):
        assert not path.stat().st_mode & 0o077, path
    folder.qhub("backup", folder.backups / "whole.tar.zst")
    folder.qhub("destroy", "--yes")
    assert not folder.path.joinpath(".qhub").exists()
    folder.qhub("deploy", "--yes")
    assert _who(folder.machine.url, token) is None
    source = target if folder.mode == "unix" else folder.backups / "whole.tar.zst"
    restored = folder.result("restore", source, "--yes")
    assert restored["failed"] == []
    assert _who(folder.machine.url, token) == "qbakada"
    assert _who(folder.machine.url, service) is None, "services have the tokens of today"
    ada, ben = folder.person("qbakada"), folder.person("qbakben")
    assert ada.run("print(open('work/note').read(), end='')") == "mine"
    ben.run("with open('shared/qbakcrew/ours', 'a') as f: f.write(', too')")
    assert ada.run("print(open('shared/qbakcrew/ours').read(), end='')") == "ours, too"
    folder.qhub("status")
    again = folder.result("restore", source, "--yes")
    assert (again["failed"], again["right"] > 0) == ([], True)


def test_only_what_changed_is_copied_and_a_deleted_file_comes_back(folder: Folder) -> None:
    target = folder.backups / "again"
    data = folder.fill("qbakben", 50)
    ben = folder.person("qbakben")
    wait_until(lambda: folder.result("backup", target)["copied"] < 50)
    (data / "00007").unlink()
    (data / "00008").write_text("newer")
    server, hub = folder.pid("hub"), status.online(folder.machine)
    folder.qhub("restore", target, "--user", "qbakben", "--missing", "--yes")
    assert (data / "00007").stat().st_size == 2000
    assert (data / "00008").read_text() == "newer"
    folder.qhub("restore", target, "--path", "homes/qbakben/data/00008", "--yes")
    assert (data / "00008").stat().st_size == 2000
    assert (server, hub) == (folder.pid("hub"), status.online(folder.machine))
    assert ben.run("print(len(open('data/00007', 'rb').read()), end='')") == "2000"
    shutil.rmtree(data)


def test_killed_runs_are_taken_up_again(folder: Folder) -> None:
    target = folder.backups / "killed"
    data = folder.fill("qbakada", 4000)
    time.sleep(FRESH_NS / 1e9)  # what was just written is read again, to be sure
    _kill(folder, lambda: len(list(target.glob("objects/*/*"))) > 200, "backup", target)
    folder.qhub("restore", target, "--check", code=2)  # it is not whole
    done = folder.result("backup", target)
    assert 0 < done["copied"] < 4000 - 100
    kept = {path.name: path.read_bytes() for path in data.iterdir()}
    shutil.rmtree(data)
    _kill(
        folder,
        lambda: data.is_dir() and len(list(data.iterdir())) > 200,
        *("restore", target, "--yes"),
    )
    assert len(list(data.iterdir())) < 4000
    done = folder.result("restore", target, "--yes")
    assert done["right"] >= 100
    assert {path.name: path.read_bytes() for path in data.iterdir()} == kept
    assert not (folder.home("qbakada") / ".qhub-restore").exists()
    folder.person("qbakada")
    shutil.rmtree(data)


def _kill(folder: Folder, when: Any, *arguments: str | Path) -> None:
    """Start a command and kill it as soon as something is so."""
    process = subprocess.Popen(
        folder.command(*arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **folder.someone(),
    )
    wait_until(lambda: when() or process.poll() is not None, 120)
    assert process.poll() is None, "it was done before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_damaged_backup_is_refused_before_anything_changes(folder: Folder) -> None:
    target = folder.backups / "damaged"
    note = folder.home("qbakada") / "precious"
    note.write_text("precious")
    folder.give(note, "qbakada")
    folder.qhub("backup", target)
    [content] = [path for path in target.glob("objects/*/*") if path.read_bytes() == b"precious"]
    content.write_text("PRECIOUS")
    note.write_text("newer")
    hub = folder.pid("hub")
    for arguments in (("--check",), ("--yes",)):
        said = folder.qhub("restore", target, *arguments, code=1).stderr
        assert "homes/qbakada/precious: its content was changed" in said
    assert note.read_text() == "newer"
    assert folder.pid("hub") == hub
    note.unlink()


def test_a_run_of_another_command_is_waited_for(folder: Folder) -> None:
    with (folder.path / ".qhub" / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = folder.qhub("backup", folder.backups / "locked", code=1).stderr
        assert "another run is at work" in said
        assert "another run" in folder.qhub("restore", folder.backups, "--yes", code=1).stderr
    assert not (folder.backups / "locked").exists()


def test_targets_that_would_go_with_the_deployment_are_refused(folder: Folder) -> None:
    inside = folder.machine.directory / "backup"
    assert "belongs to the deployment" in folder.qhub("backup", inside, code=2).stderr
    assert not inside.exists()
    assert "is not empty" in folder.qhub("backup", folder.path, code=2).stderr
    other = folder.backups / "hub.tar.gz"
    assert "another kind of archive" in folder.qhub("backup", other, code=2).stderr
    assert not other.exists()


def test_a_backup_in_which_nothing_moves(folder: Folder) -> None:
    folder.person("qbakada")
    folder.qhub("backup", folder.backups / "quiet", "--stop-servers", "--yes")
    assert status.online(folder.machine) == []
    folder.person("qbakada")
