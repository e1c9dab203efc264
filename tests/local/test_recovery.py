"""Nothing that dies takes a person's work along, and everything comes back."""

from __future__ import annotations

import os
import signal

from qhub.local import status
from tests.local.deployment import Deployment, wait_until


def _answers(hub: Deployment) -> bool:
    states = {process.name: process.state for process in status.processes(hub.machine)}
    alive = {states.get(name) for name in ("proxy", "hub", "culler")} == {"running"}
    return alive and "Test hub" in hub.visitor().request("/hub/login")


def test_a_server_outlives_the_death_of_every_program(hub: Deployment) -> None:
    alice = hub.person("alice")
    alice.start("small")
    alice.enter()
    server = hub.server_pid("alice")
    kernel = alice.kernel()
    kernel.run("x = 41")
    for name in ("culler", "proxy", "hub"):
        old = hub.pid(name)
        hub.kill(old)
        wait_until(lambda old=old, name=name: _answers(hub) and hub.pid(name) != old)
        again = kernel.reconnected()
        assert again.run("x + 1") == "42", f"after the death of {name}"
    assert status.online(hub.machine) == ["alice"]
    assert hub.server_pid("alice") == server
    alice = hub.person("alice")
    alice.enter()
    with alice.kernel() as new:  # its output must not go to the dead hub's pipe
        assert new.run("1 + 1") == "2"
    alice.stop()
    assert not hub.server_pid("alice")


def test_deploying_again_brings_back_a_killed_supervisor(any_hub: Deployment) -> None:
    hub = any_hub
    alice = hub.person("alice")
    alice.start("small")
    server = hub.server_pid("alice")
    hub.kill(int((hub.machine.supervisor / "supervisord.pid").read_text()))
    wait_until(lambda: "terraform_data.supervisor" in status.drift_machine(hub.machine))
    assert status.processes(hub.machine) == []
    hub.succeed("supervisor", "apply")
    hub.hub_up()
    wait_until(lambda: _answers(hub))
    assert status.drift_machine(hub.machine) == {}
    assert status.drift_jupyterhub(hub.machine) == {}
    assert hub.server_pid("alice") == server


def test_after_a_reboot_a_strangers_process_with_the_servers_number_is_spared(
    unix_hub: Deployment,
) -> None:
    """The hub remembers a number; what bears it later may be anybody's."""
    ben = unix_hub.person("ben")
    ben.start()
    server = unix_hub.server_pid("ben")
    hub = unix_hub.pid("hub")
    supervisor = int((unix_hub.machine.supervisor / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGSTOP)
    unix_hub.kill(hub)
    unix_hub.kill(server)
    stranger = unix_hub.process_with_pid(server)
    try:
        os.kill(supervisor, signal.SIGCONT)
        wait_until(lambda: unix_hub.pid("hub") not in (0, hub) and _answers(unix_hub))
        wait_until(lambda: "ben" not in status.online(unix_hub.machine))
        if stranger:
            assert stranger.poll() is None
    finally:
        if stranger:
            stranger.kill()
            stranger.wait()
