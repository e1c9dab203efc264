"""The real conda-store beside a hub, where a conda channel that has `conda` can be reached.

`QHUB_TEST_CONDA_CHANNEL` names another one than conda-forge; conda-store fetches over HTTP alone.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.errors import PreflightError
from qhub.hub import namespaces
from qhub.local import conda_store, conda_store_environment, owned, status, system
from qhub.stages.conda_store_server import LocalCondaStoreServer
from tests.local.browser import Kernel, Person
from tests.local.deployment import Deployment, Runner, new_deployment, own_runner, wait_until

CHANNEL = os.environ.get("QHUB_TEST_CONDA_CHANNEL", "conda-forge")
REQUIREMENTS = LocalCondaStoreServer().templates / "requirements.txt"
SPEC = {"channels": [CHANNEL], "dependencies": ["python 3.12.*"]}
BUILD_SECONDS = 600
API = "/conda-store/api/v1"


@pytest.fixture(scope="session")
def channel() -> str:
    try:
        conda_store_environment.preflight(None, Path("/"), [CHANNEL], REQUIREMENTS)
    except PreflightError as error:
        pytest.skip(error.message)
    return CHANNEL


@pytest.fixture(scope="module", params=["none", "unix"])
def store(request: pytest.FixtureRequest, channel: str, place: Path) -> Iterator[Deployment]:
    """A hub with conda-store in either mode."""
    mode = request.param
    if mode == "unix" and os.geteuid() != 0:
        pytest.skip("Unix users need root")
    runner: Runner = request.getfixturevalue("runner") if mode == "none" else own_runner()
    deployment = new_deployment(runner, place / f"store-{mode}", isolation=mode)
    deployment.settings["conda_store"] = "global"
    try:
        deployment.up()
        apply(deployment, channel)
        yield deployment
    finally:
        deployment.down()


def apply(deployment: Deployment, channel: str) -> None:
    hub = deployment.settings
    people = {
        name: {key: user[key] for key in ("uid", "primary_group", "groups", "admin")}
        for name, user in hub["users"].items()
    }
    settings = {"channels": [channel], "users": people, "groups": hub["groups"]}
    written = deployment.folder / "store.tfvars.json"
    written.write_text(json.dumps(settings), encoding="utf-8")
    written.chmod(0o644)
    package = deployment.runner.package
    templates = package / "templates" / "stages" / "07-conda-store-server" / "processes"
    deployment.succeed(
        *("conda-store", "apply", "--settings", written, "--hub", package / "hub"),
        *("--requirements", templates / "requirements.txt"),
    )


def enter(deployment: Deployment, name: str) -> Person:
    """Somebody who went from the hub to conda-store."""
    person = deployment.person(name)
    person.request("/conda-store/login/?next=/conda-store/ui/")
    assert person.status == 200, person.url
    return person


def ask(person: Person, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    answer = person.request(f"{API}{path}", data, None, headers)
    return json.loads(answer)


def build(person: Person, namespace: str, name: str) -> Any:
    """The number of a build that came to its end well; what conda-store said for any other."""
    spec = json.dumps({"name": name, **SPEC})
    answer = ask(person, "/specification/", {"namespace": namespace, "specification": spec})
    if answer["status"] != "ok":
        return answer["message"]
    number = answer["data"]["build_id"]
    deadline = time.monotonic() + BUILD_SECONDS
    while (status := ask(person, f"/build/{number}/")["data"]["status"]) not in (
        "COMPLETED",
        "FAILED",
    ):
        assert time.monotonic() < deadline, status
        time.sleep(1)
    assert status == "COMPLETED", person.request(f"{API}/build/{number}/logs/")
    return number


def kernels_of(person: Person) -> dict[str, Any]:
    specs = person.server_api("GET", "/kernelspecs")["kernelspecs"]
    return {name: spec["spec"] for name, spec in specs.items() if name != "python3"}


def test_what_somebody_builds_is_a_kernel_of_who_may_see_it(store: Deployment) -> None:
    ben, alice = enter(store, "ben"), enter(store, "alice")
    mine, crews = build(ben, "ben", "mine"), build(ben, "sailors", "ours")
    assert isinstance(mine, int)
    assert isinstance(crews, int)
    for namespace in ("global", "captains", "alice"):
        assert build(ben, namespace, "foreign") == "request not authorized"
    seen = {f"{e['namespace']['name']}/{e['name']}" for e in ask(ben, "/environment/")["data"]}
    assert seen == {"ben/mine", "sailors/ours"}
    assert "conda" in ben.request(f"{API}/build/{mine}/logs/")
    stranger = store.visitor()
    for path in (f"{API}/build/{mine}/logs/", "/conda-store/metrics", "/conda-store/celery"):
        stranger.request(path)
        assert stranger.status in (401, 403, 404), path
    ben.start()
    ben.enter()
    alice.start("small")
    alice.enter()
    try:
        listed = wait_until(lambda: len(found := kernels_of(ben)) == 2 and found)
        assert {spec["display_name"] for spec in listed.values()} == {
            "mine (ben)",
            "ours (sailors)",
        }
        assert {spec["display_name"] for spec in kernels_of(alice).values()} == {"ours (sailors)"}
        model = ben.server_api("POST", "/kernels", {"name": "ben-mine"})
        with Kernel(ben, model["id"]) as kernel:
            prefix = kernel.run("import os, sys; print(sys.prefix, os.environ['CONDA_PREFIX'])", 60)
        home = namespaces.folder(store.machine.directory, "ben")
        assert [Path(part).parent for part in prefix.split()] == [home, home]
    finally:
        store.stop_servers()


def test_tokens_end_with_what_they_say(store: Deployment, channel: str) -> None:
    ben = enter(store, "ben")
    may = ask(ben, "/permission/")["data"]
    assert may["entity_roles"] == {
        "global/*": ["viewer"],
        "ben/*": ["admin"],
        "sailors/*": ["developer"],
    }
    user = store.settings["users"]["ben"]
    before = (user["primary_group"], user["groups"])
    user["primary_group"], user["groups"] = "captains", ["captains"]
    try:
        store.hub_up()
        apply(store, channel)
        assert not ask(ben, "/permission/")["data"]["authenticated"]
    finally:
        user["primary_group"], user["groups"] = before
        store.hub_up()
        apply(store, channel)


def test_it_is_not_root_and_its_secrets_are_closed(store: Deployment) -> None:
    machine = store.machine
    found = [p for p in owned.processes(machine) if conda_store.MARK in system.environment(p)]
    assert found
    for process in found:
        identity = system.identity_of(process.pid)
        assert identity is None or identity.uid != 0 or not store.unix
    for path in (machine.directory / "conda-store").iterdir():
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
    assert (machine.directory / "conda-store" / "state").stat().st_mode & 0o077 == 0
    if store.unix:
        inside = namespaces.folder(machine.directory, "ben")
        for name, may in (("ben", True), ("alice", False)):
            account = pwd.getpwnam(f"qhub-{name}")
            groups = os.getgrouplist(account.pw_name, account.pw_gid)
            done = subprocess.run(
                ["ls", inside],
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=groups,
                capture_output=True,
            )
            assert (done.returncode == 0) is may, name


def test_drift_is_told(store: Deployment, channel: str) -> None:
    machine = store.machine
    assert not status.drift_conda_store(machine)
    assert {"conda-store", "conda-store-worker"} <= status.logs(machine).keys()
    route = machine.private / "proxy" / "conda-store.yaml"
    route.unlink()
    assert status.drift_conda_store(machine) == {
        status.CONDA_STORE: "the way to conda-store is gone"
    }
    apply(store, channel)
    assert not status.drift_conda_store(machine)


def test_without_it_nothing_of_it_runs_and_what_was_built_stays(
    store: Deployment, channel: str
) -> None:
    machine = store.machine
    store.succeed("conda-store", "remove")
    left = [p for p in owned.processes(machine) if conda_store.MARK in system.environment(p)]
    assert not left
    assert (machine.directory / "conda-store").stat().st_mode & 0o777 == 0o700
    built = namespaces.folder(machine.directory, "ben")
    assert any(built.iterdir())
    apply(store, channel)
    ben = enter(store, "ben")
    assert {e["name"] for e in ask(ben, "/environment/")["data"]} == {"mine", "ours"}
