"""What a person does on the hub: log in, choose, start, compute, stop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qhub.hub import limits
from qhub.hub.profiles import graphics_cards
from tests.local.browser import Person
from tests.local.deployment import GIGABYTE, Deployment


def test_only_the_right_password_of_a_listed_person_logs_in(hub: Deployment) -> None:
    assert not Person(hub.machine.url).login("alice", "wrong")
    assert not Person(hub.machine.url).login("nobody", "wrong")
    assert not Person(hub.machine.url).login("ben", "")
    assert Person(hub.machine.url).login("alice", "alice's")


def test_guessing_gets_slow(hub: Deployment) -> None:
    person = Person(hub.machine.url)
    for _ in range(6):
        person.login("mallory", "guess")
    assert person.status == 429
    assert "Try again" in person.page


def test_the_pages_bear_the_theme(hub: Deployment) -> None:
    page = Person(hub.machine.url).request("/hub/login")
    assert "Test hub" in page
    assert "Notebooks for the tests" in page
    assert ("not isolated" in page) != hub.unix
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_kernel_computes_over_the_websocket(hub: Deployment) -> None:
    alice = hub.person("alice")
    alice.start("small")
    alice.enter()
    with alice.kernel() as kernel:
        assert kernel.run("1 + 1") == "2"
        assert kernel.run("import os; os.environ['GREETING']") == "'hello'"
        assert kernel.run("from pathlib import Path; str(Path.home())") == repr(
            str(hub.machine.homes / "alice")
        )
        assert kernel.run("sorted(p.name for p in Path('shared').iterdir())") == (
            "['captains', 'sailors']"
        )
        assert kernel.run("print('x' * 2_000_000)").count("x") == 2_000_000
        kernel.run("Path('big').write_bytes(bytes(150_000_000))")
    assert len(alice.request("/user/alice/files/big")) == 150_000_000
    alice.stop()
    assert not hub.server_pid("alice")


def test_a_server_inherits_no_secret(hub: Deployment) -> None:
    ben = hub.person("ben")
    ben.start()
    ben.enter()
    environment = ben.run("import os; print('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))")
    private = hub.machine.private
    for path in private.glob("token-*"):
        assert path.read_text().strip() not in environment
    assert "QHUB_SETTINGS" not in environment
    ben.stop()


def test_a_profile_is_only_for_those_it_names(hub: Deployment) -> None:
    ben = hub.person("ben")
    ben.hub_api("POST", "/users/ben/server", {"profile": "secret"})
    assert ben.status == 400
    assert not hub.server_pid("ben")
    page = hub.person("alice").request("/hub/spawn")
    assert page.count('type="radio"') == 2
    assert "2 processors" in page
    assert "2 GB memory" in page


@pytest.mark.skipif(graphics_cards() > 0, reason="this machine has graphics cards")
def test_a_profile_with_graphics_cards_needs_a_machine_with_some(changing_none: Deployment) -> None:
    hub = changing_none
    hub.settings["profiles"].append({"display_name": "Graphics", "gpus": 1})
    hub.hub_up()
    alice = hub.person("alice")
    assert "Graphics" not in alice.request("/hub/spawn")
    alice.hub_api("POST", "/users/alice/server", {"profile": "graphics"})
    assert alice.status == 400


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="limits are Linux's")
def test_memory_is_limited(hub: Deployment) -> None:
    alice = hub.person("alice")
    alice.start("small")
    alice.enter()
    server = hub.server_pid("alice")
    kernel = alice.kernel()
    take = f"x = b'x' * {2 * GIGABYTE}; len(x)"
    if hub.unix:  # the system ends the notebook's kernel, not the server
        said = kernel.last_words(take)
        assert _killed_for_memory(hub)
    else:
        said = kernel.run(take)
        assert "MemoryError" in said
        assert kernel.run("1 + 1") == "2"
    assert "1 GB of memory (profile Small)" in said
    assert "choose a larger profile" in said
    kernel.socket.close()
    assert hub.server_pid("alice") == server
    alice.stop()


UNSAID = """
kernel = get_ipython().kernel
said = kernel._publish_status
kernel._publish_status = lambda what, *rest, **more: what == "busy" or said(what, *rest, **more)
"""


def test_the_cell_is_known_when_its_kernel_ended_before_it_said_so(unix_hub: Deployment) -> None:
    alice = unix_hub.person("alice")
    alice.start("small")
    alice.enter()
    kernel = alice.kernel()
    kernel.run(UNSAID)
    said = kernel.last_words(f"x = b'x' * {2 * GIGABYTE}")
    assert "1 GB of memory (profile Small)" in said
    kernel.socket.close()
    alice.stop()


def test_a_kernel_that_died_otherwise_is_not_said_to_lack_memory(unix_hub: Deployment) -> None:
    alice = unix_hub.person("alice")
    alice.start("small")
    alice.enter()
    kernel = alice.kernel()
    assert kernel.last_words("import os; os.kill(os.getpid(), 9)") == ""
    kernel.socket.close()


def _killed_for_memory(hub: Deployment) -> bool:
    """Whether the system ended a process of Alice's that took more than her server may."""
    group = Path(limits.Cgroup.parent_name(str(hub.machine.directory)), "alice")
    for file in (
        limits.ROOT / "memory" / group / "memory.oom_control",
        limits.ROOT / group / "memory.events",
    ):
        if file.exists():
            return "oom_kill 0" not in file.read_text().splitlines()
    return False


BURN = """
import multiprocessing, resource, time
def burn():
    end = time.monotonic() + 3
    while time.monotonic() < end: pass
start = time.monotonic()
processes = [multiprocessing.get_context("fork").Process(target=burn) for _ in range(2)]
for process in processes: process.start()
for process in processes: process.join()
wall, used = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime)
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="limits are Linux's")
def test_processors_are_limited(hub: Deployment) -> None:
    alice = hub.person("alice")
    alice.start("small")
    alice.enter()
    wall, used = map(float, alice.run(BURN).split())
    assert used / wall < 1.3, "two processes had more than one processor"
    alice.stop()


def test_stopping_a_server_ends_all_that_was_started_in_it(unix_hub: Deployment) -> None:
    ben = unix_hub.person("ben")
    ben.start()
    ben.enter()
    ben.run("import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)")
    assert unix_hub.server_pid("ben")
    ben.stop()
    assert not unix_hub.server_pid("ben")


def test_after_a_refused_profile_the_default_one_starts(hub: Deployment) -> None:
    ben = hub.person("ben")
    ben.hub_api("POST", "/users/ben/server", {"profile": "no such"})
    assert ben.status == 400
    ben.start()
    ben.stop()
