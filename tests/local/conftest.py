"""Deployments that the tests share: one a mode, made once, since each takes 20 seconds."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from qhub.local import interpreter
from tests.local import chromium
from tests.local.deployment import (
    Deployment,
    Runner,
    new_deployment,
    own_runner,
    remove_folder,
    restoring,
    runner_as_ordinary_user,
)
from tests.local.ssh import SshDeployment

ORDINARY_USER = f"qhub-tests-{os.getpid()}"
ROOT = os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.local)
            if "unix" in item.name.split("[")[-1] or "unix_hub" in getattr(
                item, "fixturenames", ()
            ):
                item.add_marker(pytest.mark.root)


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder that every user of the machine can enter, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="qhub-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    # Two runs at once on one machine would share the accounts of the people they make.
    with Path(tempfile.gettempdir(), f"qhub-tests-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    remove_folder(folder)


@pytest.fixture(scope="session")
def runner(place: Path) -> Iterator[Runner]:
    """Who deploys without isolation: an ordinary user, also when the tests run as root."""
    if not ROOT:
        yield own_runner()
        return
    if interpreter.find_reachable() is None:
        pytest.skip("no Python that an ordinary user can run")
    subprocess.run(["useradd", "--user-group", "--no-create-home", ORDINARY_USER], check=True)
    uid = int(subprocess.check_output(["id", "-u", ORDINARY_USER]))
    try:
        yield runner_as_ordinary_user(place, uid)
    finally:
        subprocess.run(["userdel", ORDINARY_USER], check=True)


@pytest.fixture(scope="session")
def none_hub(runner: Runner, place: Path) -> Iterator[Deployment]:
    """A hub on which all servers run as who deployed."""
    deployment = new_deployment(runner, place / "none", isolation="none")
    yield from _standing(deployment)


@pytest.fixture(scope="session")
def unix_hub(place: Path) -> Iterator[Deployment]:
    """A hub on which each person is a Unix user."""
    if not ROOT:
        pytest.skip("Unix users need root")
    deployment = new_deployment(own_runner(), place / "unix", isolation="unix")
    yield from _standing(deployment)


def _standing(deployment: Deployment) -> Iterator[Deployment]:
    try:
        deployment.up()
        yield deployment
    finally:
        deployment.down()


@pytest.fixture(scope="session", params=["none", "unix"])
def hub(request: pytest.FixtureRequest) -> Deployment:
    """The hub of either mode; tests leave it as they found it."""
    deployment: Deployment = request.getfixturevalue(f"{request.param}_hub")
    return deployment


@pytest.fixture(scope="session")
def any_hub(request: pytest.FixtureRequest) -> Deployment:
    """One hub, for what is the same in both modes."""
    deployment: Deployment = request.getfixturevalue("unix_hub" if ROOT else "none_hub")
    return deployment


@pytest.fixture(scope="session", params=["none", "unix"])
def ssh(request: pytest.FixtureRequest, place: Path) -> Iterator[SshDeployment]:
    """A hub with SSH in either mode, and with people whom no other has."""
    mode = request.param
    if not shutil.which("ssh"):
        pytest.skip("needs the OpenSSH client")
    if mode == "unix" and not ROOT:
        pytest.skip("Unix users need root")
    who: Runner = request.getfixturevalue("runner") if mode == "none" else own_runner()
    base = new_deployment(who, place / f"ssh-{mode}", isolation=mode, project_name="qsshproject")
    deployment = SshDeployment(base.runner, base.folder, base.machine_settings)
    try:
        deployment.up()
        deployment.ssh_up()
        yield deployment
    finally:
        deployment.down()


@pytest.fixture(autouse=True)
def _servers_end_with_their_test(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("hub", "any_hub", "none_hub", "unix_hub"):
        if name in request.fixturenames:
            deployment: Deployment = request.getfixturevalue(name)
            deployment.stop_servers()


@pytest.fixture
def changing(hub: Deployment) -> Iterator[Deployment]:
    """The hub of either mode, for tests that change its settings."""
    yield from restoring(hub)


@pytest.fixture
def changing_none(none_hub: Deployment) -> Iterator[Deployment]:
    """The hub without isolation, for tests that change its settings."""
    yield from restoring(none_hub)


@pytest.fixture
def changing_unix(unix_hub: Deployment) -> Iterator[Deployment]:
    """The hub with Unix users, for tests that change its settings."""
    yield from restoring(unix_hub)


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium.tab() as page:
        yield page
