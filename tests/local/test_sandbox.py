"""Where all servers run as one Unix user, bubblewrap keeps people apart."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local import folders
from tests.local.browser import Person
from tests.local.dask import Dask
from tests.local.deployment import Deployment, restoring, wait_until
from tests.local.folders import EVERYTHING, NOTHING, READING

# Alice is in all groups and an admin; Ben is a sailor who learns.
GROUPS = {
    "admin": {"gid": 23112},
    "course": {"gid": 23113, "access": "read-only"},
    "library": {"gid": 23114, "access": "public-read"},
}

# folder, who comes, what they may do there
TABLE = [
    ("homes/alice", "alice", EVERYTHING),
    ("homes/alice", "ben", NOTHING),
    ("homes/ben", "ben", EVERYTHING),
    ("homes/ben", "alice", NOTHING),
    ("run/alice", "ben", NOTHING),
    ("shared/sailors", "alice", EVERYTHING),
    ("shared/sailors", "ben", EVERYTHING),
    ("shared/captains", "alice", EVERYTHING),
    ("shared/captains", "ben", NOTHING),
    ("shared/course", "alice", EVERYTHING),
    ("shared/course", "ben", READING),
    ("shared/library", "alice", EVERYTHING),
    ("shared/library", "ben", READING),
    ("envs/user/bin", "ben", READING),
    ("bin", "ben", READING),
    *((closed, who, NOTHING)
      for closed in ("private", "hub", "logs", "supervisor") for who in ("alice", "ben")),
]  # fmt: skip


@pytest.fixture(scope="module")
def sandboxes(none_hub: Deployment) -> Iterator[Deployment]:
    """The hub of an ordinary user, with a sandbox a person for the time of these tests."""
    none_hub.stop_servers()
    none_hub.machine_settings["isolation"] = "bwrap"
    refused = none_hub.apply_machine().stderr
    none_hub.machine_settings["isolation"] = "none"
    if "local.isolation is bwrap, but" in refused:
        pytest.skip(refused)
    for hub in restoring(none_hub):
        hub.machine_settings["isolation"] = "bwrap"
        hub.settings["groups"] |= GROUPS
        hub.settings["users"]["alice"]["groups"] += ["admin", "library"]
        hub.settings["users"]["ben"]["groups"] += ["course"]
        hub.up()
        yield hub
        hub.stop_servers()


@pytest.fixture
def changing_sandboxes(sandboxes: Deployment) -> Iterator[Deployment]:
    yield from restoring(sandboxes)


def arrived(hub: Deployment, name: str) -> Person:
    person = hub.person(name)
    person.start("small")
    person.enter()
    return person


@pytest.mark.parametrize(("folder", "who", "may"), TABLE)
def test_who_may_do_what(sandboxes: Deployment, folder: str, who: str, may: str) -> None:
    assert folders.allowed(sandboxes, folder, "root", who) == {*may.split()}


def test_what_is_who_deploys_s_own_is_hidden(sandboxes: Deployment) -> None:
    secret = sandboxes.folder / "secret"
    secret.touch()
    homes = [str(sandboxes.runner.home or Path.home()), "/root", "/home", str(secret)]
    said = folders.as_person(
        sandboxes, "ben", f"print([path for path in {homes!r} if os.path.exists(path)])"
    )
    assert said.strip() == "[]"


def test_people_find_the_folders_by_the_path_of_the_cluster(sandboxes: Deployment) -> None:
    folders.as_person(sandboxes, "alice", "open('/shared/sailors/note', 'w').write('ahoy')")
    read = "print(open('/shared/sailors/note').read(), os.listdir('/shared/library'))"
    assert folders.as_person(sandboxes, "ben", read) == "ahoy []\n"


@pytest.mark.parametrize("where", ["/", "/shared", "/shared/captains", "..", "../alice", "/srv"])
def test_nothing_is_put_where_it_would_be_lost(sandboxes: Deployment, where: str) -> None:
    made = f"os.makedirs(os.path.join({where!r}, 'mine'))"
    said = folders.as_person(sandboxes, "ben", f"try: {made}\nexcept OSError as e: print(e.errno)")
    assert int(said) == errno.EROFS


def test_temporary_files_are_each_person_s(sandboxes: Deployment) -> None:
    folders.as_person(sandboxes, "alice", "open('/tmp/mine', 'w').close()")
    look = "print(os.path.exists('/tmp/mine'))"
    assert folders.as_person(sandboxes, "alice", look) == "True\n"
    assert folders.as_person(sandboxes, "ben", look) == "False\n"


def test_a_server_works_and_sees_no_other_process(sandboxes: Deployment) -> None:
    alice, ben = arrived(sandboxes, "alice"), arrived(sandboxes, "ben")
    with ben.kernel() as kernel:
        seen = kernel.run(
            "import os\n"
            "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
            "    print(pid, open(f'/proc/{pid}/environ').read().count('QHUB_SERVER=ben'))"
        )
        assert {line.split()[1] for line in seen.splitlines()} <= {"0", "1"}
        assert len(seen.splitlines()) < 10
        assert "alice" not in kernel.run(
            "import glob; print([open(f).read() for f in glob.glob('/proc/[0-9]*/cmdline')])"
        )
        file = "import json, ipykernel; print(open(ipykernel.get_connection_file()).read())"
        assert '"transport": "ipc"' in kernel.run(file), "others could hear what a kernel prints"
        assert kernel.run("open('shared/sailors/from-ben', 'w').write('x')") == "1"
    assert alice.run("import os; os.path.exists('/shared/sailors/from-ben')") == "True"


def test_a_dask_cluster_is_in_a_sandbox_too(sandboxes: Deployment) -> None:
    hub = sandboxes
    dask = Dask(hub.runner, hub.folder, hub.machine_settings, hub.settings)
    dask.dask_up()
    ben = arrived(hub, "ben")
    with ben.kernel() as kernel:
        kernel.run("from dask_gateway import Gateway; cluster = Gateway().new_cluster()", 90)
        kernel.run("cluster.scale(1); client = cluster.get_client()", 60)
        look = f"__import__('os').listdir({str(hub.machine.homes)!r})"
        assert kernel.run(f"client.submit(lambda: {look}).result()", 90) == "['ben']"
        kernel.run("cluster.shutdown()")
    wait_until(dask.nothing_left)
    hub.succeed("dask-gateway", "remove")


def test_a_server_ends_in_order_with_all_that_was_started_in_it(sandboxes: Deployment) -> None:
    log = sandboxes.machine.logs / "servers" / "ben.log"
    log.unlink(missing_ok=True)
    ben = arrived(sandboxes, "ben")
    ben.run("import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)")
    ben.stop()
    wait_until(lambda: not sandboxes.server_pid("ben"))
    assert "received signal 15, stopping" in log.read_text(), "it was killed"


def test_a_server_outlives_a_restart_of_the_hub(sandboxes: Deployment) -> None:
    ben = arrived(sandboxes, "ben")
    server = sandboxes.server_pid("ben")
    sandboxes.kill(sandboxes.pid("hub"))
    wait_until(lambda: sandboxes.visitor().request("/hub/health") and sandboxes.pid("hub"))
    wait_until(lambda: Person(sandboxes.machine.url).login("ben", "ben's"))
    assert sandboxes.server_pid("ben") == server
    ben.stop()
    wait_until(lambda: not sandboxes.server_pid("ben"))


def test_who_may_less_than_their_sandbox_gives_gets_another(
    changing_sandboxes: Deployment,
) -> None:
    hub = changing_sandboxes
    arrived(hub, "alice")
    arrived(hub, "ben")
    server = hub.server_pid("alice")
    hub.settings["users"]["ben"]["groups"] = ["sailors"]
    assert "ben, who may not enter the folder of course any more" in hub.hub_up()
    assert not hub.server_pid("ben")
    assert hub.server_pid("alice") == server

    arrived(hub, "ben")
    hub.settings["groups"]["sailors"]["access"] = "public-read"
    hub.settings["groups"]["library"] = {"gid": 23114}
    said = hub.hub_up()
    assert "ben, who may not enter the folder of library any more" in said
    assert "alice" not in said
    assert hub.server_pid("alice") == server


def test_who_was_without_a_sandbox_is_put_into_one(changing_sandboxes: Deployment) -> None:
    hub = changing_sandboxes
    hub.machine_settings["isolation"] = "none"
    hub.up()
    assert "not isolated" in hub.visitor().request("/hub/login")
    hub.person("ben").start("small")
    hub.machine_settings["isolation"] = "bwrap"
    assert "sandbox" in hub.apply_machine().stdout
    assert "ben, who has a server outside a sandbox" in hub.hub_up()
    assert "not isolated" not in hub.visitor().request("/hub/login")
    assert not hub.server_pid("ben")


def test_no_link_leads_who_starts_a_server_into_the_home_of_another(
    sandboxes: Deployment,
) -> None:
    homes = sandboxes.machine.homes
    target = homes / "alice" / "precious"
    folders.as_person(sandboxes, "alice", "os.mkdir('precious'); os.symlink('/x', 'precious/link')")
    folders.as_person(sandboxes, "ben", "os.rename('shared', 'old')")
    folders.as_person(
        sandboxes, "root", f"os.symlink({str(target)!r}, {str(homes / 'ben/shared')!r})"
    )
    try:
        folders.as_person(sandboxes, "ben", "")
        assert [path.name for path in target.iterdir()] == ["link"]
    finally:
        (homes / "ben" / "shared").unlink()
        (homes / "ben" / "old").rename(homes / "ben" / "shared")
