"""Taking a deployment down leaves nothing, however far it got, and nothing of others is touched."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.local import owned
from tests.local.deployment import (
    Deployment,
    Runner,
    new_deployment,
    own_runner,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="Unix users need root")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def second(place: Path) -> Iterator[Deployment]:
    """A deployment that a test makes and removes; a failed test leaves nothing either."""
    deployment = new_deployment(
        own_runner(), place / "second", isolation="unix", namespace="second"
    )
    yield deployment
    deployment.down()


@pytest.mark.root
@needs_root
def test_nothing_is_left(place: Path, unix_hub: Deployment, second: Deployment) -> None:
    """On a second deployment beside the first, with a person at work and a process that hides."""
    mine = second
    for number, user in enumerate(mine.settings["users"].values()):
        user["uid"] += 100 + number
    for group in mine.settings["groups"].values():
        group["gid"] += 100
    # Names that another deployment has are refused before anything is changed.
    assert mine.apply_machine().returncode == 0
    mine.install()
    mine.succeed("supervisor", "apply")
    done = mine.apply_hub()
    assert done.returncode == 1
    assert f"is of the deployment in {unix_hub.machine.directory}" in done.stderr
    mine.settings["users"] = {"zoe": mine.settings["users"]["ben"] | {"groups": ["team"]}}
    mine.settings["users"]["zoe"]["primary_group"] = "team"
    mine.settings["groups"] = {"team": {"gid": 23299}}
    mine.hub_up()

    zoe = mine.person("zoe", "ben's")
    zoe.start("small")
    zoe.enter()
    zoe.run(
        "import subprocess; subprocess.Popen(['env', '-i', 'sleep', '600'], start_new_session=True)"
    )
    directory, ports = mine.machine.directory, [mine.machine.port, *mine.machine.ports.values()]
    uid = pwd.getpwnam("qhub-zoe").pw_uid
    outside = place / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (mine.machine.homes / "zoe" / "trap").symlink_to(outside)
    mine.kill(mine.pid("hub"))

    mine.down()
    assert not directory.exists()
    assert all(map(_port_is_free, ports))
    assert not [entry for entry in pwd.getpwall() if entry.pw_uid == uid]
    assert (outside / "precious").exists()
    assert not mine.facts.exists()
    assert not list(Path("/sys/fs/cgroup").glob("**/qhub-*/zoe"))
    mine.down()  # nothing to do is fine
    assert unix_hub.person("alice")


def test_half_made_deployments_go_too(runner: Runner, place: Path) -> None:
    mine = new_deployment(runner, place / "half")
    mine.down()
    assert mine.apply_machine().returncode == 0
    directory = mine.machine.directory
    (mine.machine.envs / "hub-0123456789ab").mkdir()
    mine.down()
    assert not directory.exists()
    assert mine.apply_machine().returncode == 0
    shutil.rmtree(directory)
    mine.down()
    assert not mine.facts.exists()


def test_data_can_stay(runner: Runner, place: Path) -> None:
    mine = new_deployment(runner, place / "kept")
    assert mine.apply_machine().returncode == 0
    directory = mine.machine.directory
    (directory / "homes" / "alice").mkdir()
    for name in ("homes/alice/work", "private/jupyterhub.sqlite", "private/token-qhub"):
        (directory / name).touch()
    runner.give(directory)
    mine.down(keep_data=True)
    left = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert left == {".qhub-deployment", "homes/alice/work", "private/jupyterhub.sqlite"}
    assert mine.apply_machine().returncode == 0, "the data is taken over by the next deploy"
    assert (directory / "homes" / "alice" / "work").exists()
    mine.down()


def test_a_folder_without_our_mark_is_left_alone(runner: Runner, place: Path) -> None:
    mine = new_deployment(runner, place / "unmarked")
    assert mine.apply_machine().returncode == 0
    directory = mine.machine.directory
    (directory / owned.MARKER).unlink()
    done = mine.call("machine", "remove")
    assert done.returncode == 1
    assert "left alone" in done.stderr
    assert directory.is_dir()


def test_a_copied_deployment_does_not_touch_the_original(runner: Runner, place: Path) -> None:
    original = new_deployment(runner, place / "original", directory=str(place / "here"))
    (place / "here").mkdir()
    runner.give(place / "here")
    assert original.apply_machine().returncode == 0
    shutil.copytree(original.folder, place / "copy")
    copy = Deployment(runner, place / "copy", dict(original.machine_settings))
    runner.give(copy.folder)
    done = copy.apply_machine()
    assert done.returncode == 1
    assert f"belongs to the deployment in {original.folder}" in done.stderr
    copy.call("machine", "remove")
    assert (place / "here").is_dir()
    assert json.loads((place / "here" / owned.MARKER).read_text())["deployment"] == str(
        original.folder
    )
    original.down()
    left = place / "here"  # somebody else made it, so it may stay
    assert not left.exists() or not list(left.iterdir())


def test_a_moved_deployment_goes_on_and_goes_away(runner: Runner, place: Path) -> None:
    mine = new_deployment(runner, place / "before")
    assert mine.apply_machine().returncode == 0
    inside = mine.machine.directory.is_relative_to(mine.folder)
    (mine.machine.homes / "work").touch()
    mine.folder.rename(place / "after")
    mine.folder = place / "after"
    done = mine.apply_machine()
    assert done.returncode == 0, done.stderr
    assert (mine.machine.homes / "work").exists()
    directory = mine.machine.directory
    assert directory.is_relative_to(mine.folder) == inside
    runner.give(mine.folder)
    mine.folder.rename(place / "later")
    mine.folder = place / "later"
    mine.down()
    assert not directory.exists()
    assert not mine.facts.exists()
    assert not (mine.folder / "local").exists()


def test_what_lost_its_folder_can_still_be_removed(runner: Runner, place: Path) -> None:
    mine = new_deployment(runner, place / "lost", directory=str(place / "lost-state"))
    (place / "lost-state").mkdir()
    runner.give(place / "lost-state")
    assert mine.apply_machine().returncode == 0
    directory = mine.machine.directory
    shutil.rmtree(mine.folder)
    other = new_deployment(runner, place / "new", directory=str(directory))
    said = other.apply_machine().stderr
    kept = directory / "private" / "machine.json"
    assert f"qhub-local machine remove --facts {kept}" in said
    assert runner.run("machine", "remove", "--facts", kept).returncode == 0
    assert not directory.exists() or not list(directory.iterdir())


def test_what_runs_ends_though_somebody_removed_its_folder(runner: Runner, place: Path) -> None:
    mine = new_deployment(runner, place / "emptied")
    assert mine.apply_machine().returncode == 0
    mine.install()
    mine.succeed("supervisor", "apply")
    machine = mine.machine
    assert list(owned.processes(machine))
    shutil.rmtree(machine.directory)
    mine.succeed("machine", "remove")
    assert not list(owned.processes(machine))
    assert not mine.facts.exists()
