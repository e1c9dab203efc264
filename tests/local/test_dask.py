"""Dask clusters from a notebook: whose they are, how they scale, what they may be, when they end.

A deployment of its own in either mode, with people whom no other test has.
"""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from qhub.hub.limits import CLUSTERS, ROOT, Cgroup
from qhub.local import owned, status, system
from tests.local.browser import Kernel, Person
from tests.local.dask import ADA, BEN, Dask, arrived, hub_with_dask, new_cluster
from tests.local.deployment import GIGABYTE, wait_until

WHO = (
    "def who():\n"
    "    import os\n"
    "    groups = sorted(os.getgroups())\n"
    "    return os.getuid(), os.getgid(), groups, os.getcwd(), os.environ['HOME']\n"
)
WAYS = ("clusters", "./clusters", "/clusters", "x/../clusters", "%63lusters", "clusters/.")
COUNT = "len(client.scheduler_info(n_workers=-1)['workers'])"


@pytest.fixture(scope="module", params=["none", "unix"])
def dask(request: pytest.FixtureRequest, place: Path) -> Iterator[Dask]:
    """A hub with Dask-Gateway, in either mode."""
    with hub_with_dask(request.param, place) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def ada(dask: Dask) -> Iterator[Person]:
    person = arrived(dask, ADA)
    yield person
    person.stop()


@pytest.fixture
def notebook(dask: Dask, ada: Person) -> Iterator[Kernel]:
    """A kernel of Ada's; her clusters are gone afterwards."""
    with ada.kernel() as kernel:
        assert kernel.run("from dask_gateway import Gateway; gateway = Gateway()") == ""
        yield kernel
        kernel.run("for c in gateway.list_clusters(): gateway.stop_cluster(c.name)")
        wait_until(dask.nothing_left)


def test_a_computation_runs_in_the_name_of_the_person(dask: Dask, notebook: Kernel) -> None:
    name = new_cluster(notebook)
    notebook.run("cluster.scale(1)\n" + WHO)
    home = str(dask.machine.homes / ADA)
    owner = dask.folder.stat()
    expected = (29101, 29110, [29110, 29111]) if dask.unix else (owner.st_uid, owner.st_gid, None)
    for ask in ("client.submit(who).result()", "client.run_on_scheduler(who)"):
        said = notebook.run(f"{ask}[:2], {ask}[2:]", 90)
        assert said.replace("\n", "").startswith(f"({expected[:2]}"), said
        assert home in said
        assert not dask.unix or str(expected[2]) in said
    for process in dask.clusters():
        environment = system.environment(process)
        assert environment[owned.CLUSTER_VARIABLE] == name
        assert environment[owned.SERVER_VARIABLE] == ADA
        assert "QHUB_SETTINGS" not in environment
    logs = status.logs(dask.machine)
    assert "heartbeat" in logs["dask-gateway"].read_text()
    assert "Registered to" in logs[f"dask-{ADA}"].read_text()


def test_workers_come_with_work_and_go_without(notebook: Kernel) -> None:
    new_cluster(notebook)
    notebook.run("import time\ndef double(x):\n    return 2 * x")
    wait = f"end = time.time() + 60\nwhile {COUNT} and time.time() < end: time.sleep(0.2)\n{COUNT}"
    notebook.run("cluster.adapt(minimum=0, maximum=1)")
    for number in (1, 2):
        assert notebook.run(f"client.submit(double, {number}).result()", 90) == str(2 * number)
        assert notebook.run(wait, 90) == "0"
    notebook.run("cluster.scale(1)")
    assert notebook.run("client.submit(double, 3).result()", 90) == "6"
    notebook.run("cluster.scale(0)")
    assert notebook.run(wait, 90) == "0"


def _live(person: Person, link: str, page: str) -> str:
    """What bokeh first says over the WebSocket that keeps a page of a dashboard up to date."""
    [token] = re.findall(r'"token":"([^"]+)"', page)
    request = urllib.request.Request(link)
    person.jar.add_cookie_header(request)
    connection = websocket.create_connection(
        link.replace("http", "ws", 1) + "/ws",
        cookie=request.get_header("Cookie"),
        subprotocols=["bokeh", token],
        origin=person.hub,
        timeout=30,
    )
    try:
        return str(connection.recv())
    finally:
        connection.close()


def test_a_dashboard_is_for_whose_cluster_it_is(dask: Dask, ada: Person, notebook: Kernel) -> None:
    name = new_cluster(notebook)
    link = notebook.run("print(cluster.dashboard_link, end='')")
    assert link == f"{dask.machine.url}/services/dask-gateway/clusters/{name}/status"
    page = ada.request(link)
    assert ada.status == 200
    assert "Bokeh" in page or "bokeh" in page
    assert _live(ada, link, page).startswith('{"msgid"'), "the pictures stand still"

    stranger, ben = dask.visitor(), dask.person(BEN, "dask")
    token = notebook.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'], end='')")
    stranger.request(link, headers={"Authorization": f"jupyterhub {token}"})
    assert "/hub/login" in stranger.url, "a token is for programs, and opens nothing for others"
    paths = [f"/services/dask-gateway/{way}/{name}" for way in WAYS]
    for path in (*(f"{path}/status" for path in paths), f"{paths[0]}/status/ws", paths[0]):
        page = stranger.request(path)
        assert "/hub/login" in stranger.url or stranger.status == 404, (path, stranger.url)
        page += ben.request(path)
        assert ben.status == 404, path
        assert "bokeh" not in page.lower()
    assert "no such cluster of yours" in ben.request(f"{paths[0]}/status")


def test_worker_profiles_are_for_whom_they_name(dask: Dask, notebook: Kernel) -> None:
    options = (
        "dict(gateway.cluster_options()), gateway.cluster_options()._fields['profile'].options"
    )
    assert notebook.run(options).replace("\n", "") == (
        "({'conda_environment': 'python3', 'profile': 'Small Worker'}, "
        "('Small Worker', 'Big Worker'))"
    )
    new_cluster(notebook, "profile='Big Worker'")
    notebook.run("cluster.scale(1)")
    threads = "list(client.scheduler_info()['workers'].values())[0]['nthreads']"
    assert notebook.run(f"client.wait_for_workers(1); {threads}", 90) == "2"
    if dask.unix:
        # What is in a control group of its own is held to its limits by the kernel.
        seen = notebook.run("client.submit(lambda: open('/proc/self/cgroup').read()).result()")
        assert f"/{CLUSTERS}" in seen
    else:
        limit = "import resource; client.submit(lambda: resource.getrlimit(resource.RLIMIT_DATA))"
        assert notebook.run(f"{limit}.result()[0]") == str(2 * GIGABYTE)
    ben = arrived(dask, BEN)
    start = "from dask_gateway import Gateway; Gateway().new_cluster(profile='Big Worker')"
    assert "'Big Worker' is not a valid option" in ben.run(start)
    assert ben.run("from dask_gateway import Gateway; Gateway().list_clusters()") == "[]"
    ben.stop()


def test_strangers_are_refused(dask: Dask, ada: Person) -> None:
    stranger = dask.visitor()
    for person, headers in (
        (stranger, {}),
        (stranger, {"Authorization": "jupyterhub 0123456789abcdef"}),
        (ada, {}),  # the cookie of the hub is none of the gateway's
    ):
        person.request("/services/dask-gateway/api/v1/clusters/", headers=headers)
        assert person.status in (401, 500), person.status


def test_clusters_outlive_the_gateway(dask: Dask, notebook: Kernel) -> None:
    name = new_cluster(notebook)
    notebook.run("cluster.scale(1); client.wait_for_workers(1)", 90)
    before = {process.pid for process in dask.clusters()}
    dask.kill(dask.pid("dask-gateway"))
    wait_until(lambda: dask.pid("dask-gateway"))
    again = f"[c.name for c in gateway.list_clusters()] == [{name!r}]"
    wait_until(lambda: notebook.run(again) == "True")
    code = f"other = gateway.connect({name!r}).get_client(); other.submit(sum, [1, 2]).result()"
    assert notebook.run(code, 90) == "3"
    assert {process.pid for process in dask.clusters()} == before
    assert not status.drift_dask_gateway(dask.machine)


def test_a_cluster_without_work_ends(dask: Dask, notebook: Kernel) -> None:
    dask.idle_timeout = 0.05
    dask.dask_up()
    try:
        new_cluster(notebook, "shutdown_on_close=False")
        assert dask.clusters()
        wait_until(dask.nothing_left, 60)
    finally:
        dask.idle_timeout = 30
        dask.dask_up()


def test_there_is_a_most_of_clusters_and_workers(dask: Dask, notebook: Kernel) -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    new_cluster(notebook)
    fits = max(1, memory // GIGABYTE)
    said = notebook.run("cluster.adapt(maximum=10**6)")
    assert f"would exceed resource limit of {fits} workers" in said
    notebook.run("cluster.shutdown()")
    dask.more = {"cluster_max_workers": 1, "max_clusters_per_user": 1}
    dask.dask_up()
    try:
        name = new_cluster(notebook)
        assert "Scaling to 1 instead" in notebook.run("cluster.scale(3)")
        notebook.run("client.wait_for_workers(1)", 90)
        refused = notebook.run("gateway.new_cluster()")
        assert "No more of your clusters may run at a time than 1. End one first" in refused
        assert f"stop_cluster('{name}')" in refused
        assert notebook.run(COUNT) == "1"
    finally:
        dask.more = {}
        dask.dask_up()


def test_too_much_memory_fails_the_computation_and_nothing_else(notebook: Kernel) -> None:
    new_cluster(notebook)
    notebook.run("cluster.scale(1); client.wait_for_workers(1)", 90)
    notebook.run("def much():\n    return len(bytearray(b'x') * (3 * 2**30))")
    said = notebook.run("client.submit(much).result()", 240)
    assert "MemoryError" in said or "KilledWorker" in said
    assert notebook.run("client.submit(sum, [1, 2]).result()", 120) == "3"


def test_who_is_removed_loses_their_cluster(dask: Dask) -> None:
    ben = arrived(dask, BEN)
    with ben.kernel() as kernel:
        kernel.run("from dask_gateway import Gateway; gateway = Gateway()")
        new_cluster(kernel, "shutdown_on_close=False")
    person = dask.settings["users"].pop(BEN)
    try:
        assert f"{BEN}, who was removed" in dask.hub_up()
        dask.dask_up()
        wait_until(dask.nothing_left, 90)
    finally:
        dask.settings["users"][BEN] = person
        dask.hub_up()
        dask.dask_up()


def test_no_secret_is_on_a_command_line_or_readable(dask: Dask, notebook: Kernel) -> None:
    new_cluster(notebook)
    secrets = [path.read_text().strip() for path in dask.machine.private.glob("token-*")]
    for process in owned.processes(dask.machine):
        words = " ".join(process.cmdline())
        assert not any(secret in words for secret in secrets), process
    for path in (*dask.machine.private.glob("*dask*"), *dask.machine.dask.rglob(".certs/*")):
        if path.is_file():
            assert path.stat().st_mode & 0o777 == 0o600, path
    if dask.unix:
        [key] = dask.machine.dask.rglob("dask.pem")
        assert key.stat().st_uid == 29101
        assert key.parent.stat().st_uid == 0


def test_clusters_listen_on_this_machine_alone(notebook: Kernel, dask: Dask) -> None:
    new_cluster(notebook)
    notebook.run("cluster.scale(1); client.wait_for_workers(1, timeout=120)", 150)
    listening = {
        connection.laddr.ip
        for process in owned.clusters(dask.machine)
        for connection in process.net_connections(kind="tcp")
        if connection.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}


def test_no_owner_of_the_system_s_folders_changes(dask: Dask) -> None:
    """Upstream's method calls `chown` for each character of a path: `/` and `.` among them."""
    if not dask.unix:
        pytest.skip("only root may give files away")
    script = textwrap.dedent("""
        import json, os, sys, types
        sys.path.insert(0, sys.argv[1])
        from dask_gateway_server.backends.local import LocalBackend
        from qhub_hub.gateway_backend import ProcessBackend

        class Refused(Exception): pass
        given = []
        def watch(event, arguments):  # a hook can't be taken off again, and sees every chown
            if event == "os.chown":
                given.append(arguments[0] if isinstance(arguments[0], int) else str(arguments[0]))
                if given[-1] in ("/", "."):
                    raise Refused(given[-1])
        sys.addaudithook(watch)
        folder = sys.argv[2]
        os.chdir(folder)
        cluster = types.SimpleNamespace(
            name="c", username="daskada", tls_cert=b"c", tls_key=b"k", state={})
        settings = dict(
            users={"daskada": {"uid": 29101, "primary_group": "leads", "groups": ["leads"]}},
            groups={"leads": {"gid": 29110}},
            machine={"directory": folder, "user_python": "/x/bin/python", "unix": True,
                "sandbox": []})
        ours = ProcessBackend(parent=None, clusters_directory=folder, settings=settings)
        made = ours.setup_working_directory(cluster)
        paths = [*given]
        given.clear()
        try:
            ours.set_file_permissions(["/"], "daskada")
        except NotImplementedError:
            paths += given
        cluster.username, cluster.name = "qhub-daskada", "upstream"
        try:
            LocalBackend(parent=None, clusters_directory=folder).setup_working_directory(cluster)
            fault = None
        except Refused as error:
            fault = str(error)
        print(json.dumps({"ours": [p for p in paths if isinstance(p, str)], "fault": fault}))
    """)
    folder = dask.folder / "clusters"
    folder.mkdir()
    before = Path("/").stat().st_uid
    python = dask.machine.interpreter("hub")
    arguments = [python, "-c", script, dask.machine.hub, folder]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scratch = folder / "c" / "scratch"
    assert done.stdout.strip() == f'{{"ours": ["{scratch}"], "fault": "/"}}'
    assert Path("/").stat().st_uid == before == 0


def test_what_is_gone_is_drift(dask: Dask) -> None:
    machine = dask.machine
    assert status.drift_dask_gateway(machine) == {}
    assert "dask-gateway" in {process.name for process in status.processes(machine)}
    edited = machine.private / "dask-gateway.json"
    edited.write_text(edited.read_text() + "\n")
    assert "changed" in status.drift_dask_gateway(machine)["terraform_data.dask_gateway"]
    dask.dask_up()
    assert status.drift_dask_gateway(machine) == {}


def test_removal_ends_clusters_and_nothing_else(dask: Dask, ada: Person) -> None:
    with ada.kernel() as kernel:
        kernel.run("from dask_gateway import Gateway; gateway = Gateway()")
        new_cluster(kernel, "shutdown_on_close=False")
        assert dask.clusters()
        dask.succeed("dask-gateway", "remove")
        assert not dask.clusters()
        assert not dask.machine.dask.exists()
        parent = Cgroup.parent_name(str(dask.machine.directory))
        assert not [*ROOT.glob(f"*/{parent}/{CLUSTERS}*"), *ROOT.glob(f"{parent}/{CLUSTERS}*")]
        assert "dask-gateway" not in {p.name for p in status.processes(dask.machine)}
        assert kernel.run("1 + 1") == "2"
    dask.dask_up()
