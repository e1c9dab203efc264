"""conda-store in a cluster: who gets there, what is built, whose kernels that makes.

`QHUB_TEST_CONDA_CHANNEL` names a channel that the cluster reaches by its web address; it has to
have `python`, `ipykernel` and `dask-gateway`.
"""

from __future__ import annotations

import copy
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from qhub.hub import namespaces
from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.rollout import remove_job, wait_ready
from tests.cluster.deployment import ClusterDeployment
from tests.local.browser import Kernel, Person
from tests.local.deployment import wait_until

CHANNEL = os.environ.get("QHUB_TEST_CONDA_CHANNEL", "conda-forge")
API = "/conda-store/api/v1"
BUILD_SECONDS = 600
SERVER = {"cpu_limit": 1, "cpu_guarantee": 0.02, "mem_limit": "1G", "mem_guarantee": "200M"}
WORKER = {"cpu_guarantee": 0.02, "cpu_limit": 1, "mem_guarantee": "256Mi", "mem_limit": "2Gi"}

DASK_WORKER = {
    "worker_cores_limit": 1,
    "worker_cores": 0.02,
    "worker_memory_limit": "1G",
    "worker_memory": "200M",
}


def environment(name: str, *dependencies: str, groups: list[str] | None = None) -> dict[str, Any]:
    found = {"name": name, "channels": [CHANNEL], "dependencies": [*dependencies]}
    return found | ({"groups": groups} if groups else {})


CHANGES: dict[str, Any] = {
    "profiles": {
        "jupyterlab": [{"display_name": "Small", "kubespawner_override": SERVER}],
        "dask_worker": {"Small Worker": DASK_WORKER},
    },
    "conda_store": {"channels": [CHANNEL], "worker": {"max_workers": 1, "resources": WORKER}},
    "environments": {
        "plain": environment("plain", "python"),
        "dask": environment("dask", "python", "dask-gateway"),
        "crew": environment("crew", "python", "ipykernel", groups=["users", "admin"]),
        "boss": environment("boss", "python", groups=["admin"]),
    },
}

EVERYTHING = {"global/dask", "global/plain"}


@pytest.fixture(scope="module")
def channel() -> None:
    """A channel that can be asked."""
    url = CHANNEL if "://" in CHANNEL else f"https://conda.anaconda.org/{CHANNEL}"
    request = urllib.request.Request(f"{url}/noarch/repodata.json", method="HEAD")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=20).close()
    except OSError as error:
        pytest.skip(f"the conda channel {url} can't be reached: {error}")


@pytest.fixture(scope="module")
def store(deployment: ClusterDeployment, channel: None) -> Iterator[ClusterDeployment]:
    """The deployment, with conda-store."""
    del channel
    before = copy.deepcopy(deployment.config)
    deployment.config.update(copy.deepcopy(CHANGES))
    deployment.deploy()
    yield deployment
    deployment.config.clear()
    deployment.config.update(before)
    deployment.deploy()


def enter(store: ClusterDeployment, name: str) -> Person:
    """Somebody who went from the hub to conda-store."""
    person = store.person(name)
    person.request("/conda-store/login/?next=/conda-store/ui/")
    assert person.status == 200, person.url
    return person


def ask(person: Person, path: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    return json.loads(person.request(f"{API}{path}", data, method, headers))


def environments(person: Person) -> set[str]:
    found = ask(person, "/environment/")["data"]
    return {f"{one['namespace']['name']}/{one['name']}" for one in found}


def build(person: Person, namespace: str, name: str, *dependencies: str) -> str:
    """How a build ended; what conda-store said where it began none."""
    specification = json.dumps(environment(name, *dependencies))
    body = {"namespace": namespace, "specification": specification}
    answer = ask(person, "/specification/", body)
    if answer["status"] != "ok":
        return str(answer["message"])
    number, deadline = answer["data"]["build_id"], time.monotonic() + BUILD_SECONDS
    while True:
        status = str(ask(person, f"/build/{number}/")["data"]["status"])
        if status in ("COMPLETED", "FAILED"):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(1)


def kernels(person: Person) -> dict[str, str]:
    """Kernels of somebody's server by name, with what they are called there."""
    specs = person.server_api("GET", "/kernelspecs")["kernelspecs"]
    return {name: one["spec"]["display_name"] for name, one in specs.items() if name != "python3"}


def run(person: Person, kernel: str, code: str) -> str:
    model = person.server_api("POST", "/kernels", {"name": kernel})
    with Kernel(person, model["id"]) as opened:
        return opened.run(code, 120)


def test_environments_of_the_file_are_kernels_of_who_may_use_them(store: ClusterDeployment) -> None:
    ada, ben = store.at_work("ada"), store.at_work("ben")
    try:
        theirs = {"global-dask": "dask (global)", "global-plain": "plain (global)"}
        theirs["users-crew"] = "crew (users)"
        assert kernels(ben) == theirs
        hers = {"admin-crew": "crew (admin)", "admin-boss": "boss (admin)"}
        assert kernels(ada) == theirs | hers
        code = "import os, sys; print(sys.prefix, os.environ['CONDA_PREFIX'], os.getuid())"
        first, second, uid = run(ben, "global-plain", code).split()
        assert first == second
        assert first.startswith(str(namespaces.folder(namespaces.IN_PODS, "global")))
        assert uid == "21001", "the kernel is the person's"
        wrote = run(ben, "global-plain", "import sys; open(sys.prefix + '/x', 'w')")
        assert "Read-only file system" in wrote
        seen = f"import os; print(sorted(os.listdir('{namespaces.store(namespaces.IN_PODS)}')))"
        assert run(ben, "global-plain", seen).strip() == "['ben', 'global', 'users']"
    finally:
        ada.stop()
        ben.stop()


def test_people_log_in_through_the_hub_and_build_what_they_may(store: ClusterDeployment) -> None:
    ben, stranger = enter(store, "ben"), Person(store.url)
    assert ask(ben, "/permission/")["data"]["entity_roles"] == {
        "global/*": ["viewer"],
        "ben/*": ["admin"],
        "users/*": ["developer"],
    }
    assert environments(ben) == {"global/dask", "global/plain", "users/crew"}
    for path in (f"{API}/build/1/", f"{API}/build/1/logs/", "/conda-store/metrics"):
        stranger.request(path)
        assert stranger.status in (401, 403, 404), path
    assert not [c for c in ben.jar if c.name == "conda-store-auth" and not c.secure]
    for namespace in ("global", "admin", "ada"):
        assert build(ben, namespace, "foreign", "python") == "request not authorized"
    working = store.at_work("ben")
    try:
        assert build(ben, "ben", "mine", "python") == "COMPLETED"
        wait_until(lambda: kernels(working).get("ben-mine") == "mine (ben)")
        assert "/ben/" in run(working, "ben-mine", "import sys; print(sys.prefix)")
    finally:
        working.stop()


def test_a_dask_cluster_runs_in_the_environment_of_its_notebook(store: ClusterDeployment) -> None:
    ada = store.at_work("ada")
    ada.patience = BUILD_SECONDS
    code = (
        "import sys\n"
        "from dask_gateway import Gateway\n"
        "gateway = Gateway()\n"
        "with gateway.new_cluster() as cluster, cluster.get_client() as client:\n"
        "    cluster.scale(1)\n"
        "    print(client.submit(lambda: __import__('sys').prefix).result() == sys.prefix)\n"
        "try:\n"
        "    gateway.new_cluster(conda_environment='ben/mine')\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    try:
        said = run(ada, "global-dask", code)
        assert said.startswith("True\n"), said
        assert "There is no environment `ben/mine` for you" in said
    finally:
        ada.stop()


def test_a_deploy_again_changes_nothing(store: ClusterDeployment) -> None:
    started = time.monotonic()
    assert not store.deploy()["changed"]
    print(f"redeployed in {time.monotonic() - started:.1f} s")


def test_what_the_file_drops_goes_and_what_people_made_stays(store: ClusterDeployment) -> None:
    del store.config["environments"]["boss"]
    store.config["environments"]["crew"]["groups"] = ["users"]
    store.deploy()
    ada = enter(store, "ada")
    wait_until(lambda: environments(ada) == EVERYTHING | {"users/crew", "ben/mine"})


def test_an_environment_that_cannot_be_built_fails_alone_and_says_why(
    store: ClusterDeployment,
) -> None:
    wanted = store.config["environments"]
    wanted["odd"] = environment("odd", "python", "no-such-package-there-is")
    wanted["late"] = environment("late", "python")
    for _ in range(2):  # the second time as well: it is tried again
        done = store.qhub("deploy", "--yes")
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert "environment global/odd could not be built" in said
        assert "no-such-package-there-is" in said
        assert "Traceback" not in said
    assert "global/late" in environments(enter(store, "ada"))
    del wanted["odd"]
    assert store.deploy()["changed"]
    ada = enter(store, "ada")
    wait_until(lambda: "global/odd" not in environments(ada))


def test_the_database_is_dumped(store: ClusterDeployment, cluster: Cluster) -> None:
    place, name = store.namespace, "conda-store-backup"
    nightly = cluster.ask(cluster.batch.read_namespaced_cron_job, name, place)
    job = {"metadata": {"name": "dump-now"}, "spec": nightly.spec.job_template.spec}
    cluster.ask(cluster.batch.create_namespaced_job, place, job)
    wait_ready("backup", cluster.access.context, place, jobs=["dump-now"], deadline=120)
    remove_job(cluster, place, "dump-now")


def test_what_is_gone_is_told_and_made_again(store: ClusterDeployment, cluster: Cluster) -> None:
    gone = "conda-store-queue"
    cluster.ask(cluster.apps.delete_namespaced_deployment, gone, store.namespace)
    assert gone in store.qhub("status").stdout
    store.deploy()
    assert build(enter(store, "ben"), "ben", "again", "python") == "COMPLETED"


def test_without_it_everything_stays_for_the_day_that_it_is_back(
    store: ClusterDeployment, cluster: Cluster
) -> None:
    settings = {key: store.config.pop(key) for key in ("conda_store", "environments")}
    store.config["conda_store"] = {"enabled": False}
    store.deploy()
    pods = cluster.ask(cluster.core.list_namespaced_pod, store.namespace).items
    assert not [pod for pod in pods if pod.metadata.name.startswith("conda-store")]
    ben = store.at_work("ben")
    try:
        assert kernels(ben) == {}
    finally:
        ben.stop()
    store.config.update(settings)
    store.deploy()  # with another password of the database
    assert {"ben/mine", "global/plain"} <= environments(enter(store, "ada"))
