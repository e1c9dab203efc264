"""Dask clusters from a notebook of a cluster: whose they are, what they may be, when they end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster.deployment import ClusterDeployment
from tests.local.browser import Kernel, Person
from tests.local.deployment import wait_until

SERVER = {"cpu_limit": 1, "cpu_guarantee": 0.02, "mem_limit": "1G", "mem_guarantee": "200M"}
WORKER = {
    "worker_cores_limit": 1,
    "worker_cores": 0.02,
    "worker_memory_limit": "1G",
    "worker_memory": "200M",
}
DEVICE = "example.org/device"
"""No node has it."""

CHANGES = {
    "profiles": {
        "jupyterlab": [{"display_name": "Small", "kubespawner_override": SERVER}],
        "dask_worker": {
            "Small Worker": WORKER,
            "Big Worker": WORKER | {"worker_threads": 2, "groups": ["admin"]},
            "Odd Worker": WORKER | {"extra_resource_limits": {DEVICE: 1}, "groups": ["admin"]},
        },
    },
    "dask_gateway": {
        "cluster_max_workers": 3,
        "cluster_max_memory": "2G",
        "max_clusters_per_user": 2,
    },
}
WHO = """
def who():
    import os, pwd
    name = pwd.getpwuid(os.getuid()).pw_name
    return name, os.getuid(), os.getgid(), sorted(os.getgroups()), os.getcwd(), os.environ["HOME"]
"""
COUNT = "len(client.scheduler_info(n_workers=-1)['workers'])"
WAYS = (
    *("clusters", "./clusters", "/clusters", "x/../clusters", "%63lusters", "clusters/."),
    *("api/../clusters", "api/%2e%2e/clusters", "clusters/%2e"),
)
PATIENCE_SECONDS = 240
"""How long a pod may take that a node has to be made for."""


@pytest.fixture(scope="module")
def dask(deployment: ClusterDeployment) -> Iterator[ClusterDeployment]:
    """The deployment, with small workers."""
    before = dict(deployment.config)
    deployment.config.update(CHANGES)
    deployment.deploy()
    yield deployment
    deployment.config.clear()
    deployment.config.update(before)
    deployment.deploy()


@pytest.fixture(scope="module")
def ada(dask: ClusterDeployment) -> Iterator[Person]:
    yield from arrived(dask, "ada")


@pytest.fixture(scope="module")
def ben(dask: ClusterDeployment) -> Iterator[Person]:
    yield from arrived(dask, "ben")


def arrived(dask: ClusterDeployment, name: str) -> Iterator[Person]:
    person = dask.person(name)
    person.patience = PATIENCE_SECONDS
    person.start(seconds=PATIENCE_SECONDS, pause=0.5)
    person.enter()
    yield person
    person.stop()


@pytest.fixture
def notebook(dask: ClusterDeployment, cluster: Cluster, ada: Person) -> Iterator[Kernel]:
    """A kernel of Ada's; her clusters are gone afterwards."""
    with ada.kernel() as kernel:
        assert ran(kernel, "from dask_gateway import Gateway; gateway = Gateway()") == ""
        yield kernel
        stop = "for one in gateway.list_clusters(): gateway.stop_cluster(one.name)"
        assert ran(kernel, stop) == ""
    wait_until(lambda: not pods(cluster, dask.namespace))


def pods(cluster: Cluster, namespace: str) -> list[str]:
    """Those of people's clusters."""
    call = cluster.core.list_namespaced_pod
    found = cluster.ask(call, namespace, label_selector="gateway.dask.org/cluster").items
    return [pod.metadata.name for pod in found]


def ran(kernel: Kernel, code: str) -> str:
    return kernel.run(code, PATIENCE_SECONDS)


def new_cluster(kernel: Kernel, options: str = "") -> str:
    """The name of a new cluster, `cluster`, with a `client`."""
    name = ran(kernel, f"cluster = gateway.new_cluster({options}); print(cluster.name, end='')")
    assert len(name.rpartition(".")[2]) == 32, name
    assert ran(kernel, "client = cluster.get_client()") == ""
    return name


def test_a_worker_waits_for_the_devices_of_its_profile(
    dask: ClusterDeployment, cluster: Cluster, notebook: Kernel
) -> None:
    new_cluster(notebook, "profile='Odd Worker'")
    ran(notebook, "cluster.scale(1)")
    path = f"/api/v1/namespaces/{dask.namespace}/pods"
    label = "app.kubernetes.io/component=dask-worker"

    def waits() -> str:
        found = cluster.request("GET", path, labelSelector=label)["items"]
        conditions = [one for pod in found for one in pod["status"].get("conditions", ())]
        return " ".join(one.get("message", "") for one in conditions)

    wait_until(lambda: DEVICE in waits())


def test_a_computation_runs_as_the_person_with_their_folders(notebook: Kernel) -> None:
    new_cluster(notebook)
    ran(notebook, f"cluster.scale(1); client.wait_for_workers(1)\n{WHO}")
    expected = "('ada', 21000, 20000, [20000, 20001], '/home/ada', '/home/ada')"
    for ask in ("client.submit(who).result()", "client.run_on_scheduler(who)"):
        assert ran(notebook, f"print({ask}, end='')") == expected
    ran(notebook, "open('/shared/users/from-a-notebook', 'w').write('hello')")
    read = "client.submit(lambda: open('/shared/users/from-a-notebook').read()).result()"
    assert ran(notebook, read) == "'hello'"
    write = "client.submit(lambda: open('/shared/users/from-a-worker', 'w').write('x')).result()"
    ran(notebook, write)
    mode = "import os; oct(os.stat('/shared/users/from-a-worker').st_mode)[-3:]"
    assert ran(notebook, mode) == "'660'", "others of the group can change it"


def test_workers_come_with_work_and_go_without(notebook: Kernel) -> None:
    new_cluster(notebook)
    ran(notebook, "import time; cluster.adapt(minimum=0, maximum=2)")
    gone = f"end = time.time() + 90\nwhile {COUNT} and time.time() < end: time.sleep(0.5)\n{COUNT}"
    for number in (1, 2):
        assert ran(notebook, f"client.submit(lambda: {number}).result()") == str(number)
        assert ran(notebook, gone) == "0"


def test_a_dashboard_is_for_whose_cluster_it_is(
    dask: ClusterDeployment, ada: Person, notebook: Kernel
) -> None:
    name = new_cluster(notebook)
    link = ran(notebook, "print(cluster.dashboard_link, end='')")
    assert link == f"{dask.url}/services/dask-gateway/clusters/{name}/status"
    assert "bokeh" in ada.request(link).lower()
    assert ada.status == 200
    assert all(one.secure for one in ada.jar if one.name.startswith("qhub-dask"))

    stranger, ben = Person(dask.url), dask.person("ben")
    token = ran(notebook, "import os; print(os.environ['JUPYTERHUB_API_TOKEN'], end='')")
    stranger.request(link, headers={"Authorization": f"jupyterhub {token}"})
    assert "/hub/login" in stranger.url, "a token is for programs, and opens nothing for others"
    paths = [f"/services/dask-gateway/{way}/{name}" for way in WAYS]
    for path in (*(f"{path}/status" for path in paths), f"{paths[0]}/status/ws", paths[0]):
        page = stranger.request(path)
        assert "/hub/login" in stranger.url or stranger.status == 404, (path, stranger.url)
        page += ben.request(path, headers={"X-Forwarded-Uri": "/services/dask-gateway/api/version"})
        assert ben.status == 404, path
        assert "bokeh" not in page.lower()
    assert "no such cluster of yours" in ben.request(f"{paths[0]}/status")


def test_nobody_has_more_than_they_may(notebook: Kernel, ben: Person) -> None:
    name = new_cluster(notebook, "profile='Big Worker'")
    said = ran(notebook, "cluster.scale(5); client.wait_for_workers(2)")
    assert "resource limit of 2 workers" in said, "2G of workers of 1G"
    threads = "{one['nthreads'] for one in client.scheduler_info(n_workers=-1)['workers'].values()}"
    assert ran(notebook, threads) == "{2}"
    new_cluster(notebook)
    assert "at a time than 2" in ran(notebook, "gateway.new_cluster()")
    with ben.kernel() as kernel:
        ran(kernel, "from dask_gateway import Gateway; gateway = Gateway()")
        refused = ran(kernel, "gateway.new_cluster(profile='Big Worker')")
        assert "'Big Worker' is not a valid option for profile" in refused
        assert "not a valid option" in ran(kernel, "gateway.new_cluster(image='busybox')")
        assert "403" in ran(kernel, f"gateway.connect({name!r})")
        assert ran(kernel, "gateway.list_clusters()") == "[]"


def test_a_cluster_outlives_the_gateway(
    dask: ClusterDeployment, cluster: Cluster, notebook: Kernel
) -> None:
    name = new_cluster(notebook)
    before = pods(cluster, dask.namespace)
    call = cluster.core.delete_collection_namespaced_pod
    cluster.ask(call, dask.namespace, label_selector="app.kubernetes.io/component=gateway")
    again = """
import time
end = time.time() + 120
while time.time() < end:
    try:
        found = [one.name for one in gateway.list_clusters()]
        break
    except Exception:
        time.sleep(1)
print(found, client.submit(lambda: 6).result(timeout=60) if cluster.scale(1) is None else 0)
"""
    assert ran(notebook, again).strip() == f"['{name}'] 6"
    assert set(before) <= set(pods(cluster, dask.namespace))


def test_an_idle_cluster_ends(dask: ClusterDeployment, cluster: Cluster, ada: Person) -> None:
    ada.stop()
    dask.config["jupyterlab"] = {"idle_culler": {"server_shutdown_no_activity_timeout": 1}}
    try:
        dask.deploy()
        for again in arrived(dask, "ada"):  # after the deploy: her server ends as soon as that
            with again.kernel() as kernel:
                ran(kernel, "from dask_gateway import Gateway; gateway = Gateway()")
                new_cluster(kernel, "shutdown_on_close=False")
            assert pods(cluster, dask.namespace)
            wait_until(lambda: not pods(cluster, dask.namespace), seconds=180)
    finally:
        del dask.config["jupyterlab"]
        dask.deploy()
