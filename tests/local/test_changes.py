"""A changed configuration is applied without ending anybody's work for nothing."""

from __future__ import annotations

import pwd

from qhub.local import status
from tests.local.browser import Person
from tests.local.deployment import Deployment, free_port, hashed


def _pids(hub: Deployment) -> dict[str, int | None]:
    return {process.name: process.pid for process in status.processes(hub.machine)}


def _apply_all(hub: Deployment) -> None:
    done = hub.apply_machine()
    assert done.returncode == 0, done.stderr
    hub.succeed("supervisor", "apply")
    hub.hub_up()


def test_nothing_changed_restarts_nothing(hub: Deployment) -> None:
    before = _pids(hub)
    facts = hub.facts.read_bytes()
    hub.up()
    assert _pids(hub) == before
    assert hub.facts.read_bytes() == facts
    assert status.drift_machine(hub.machine) == {}
    assert status.drift_jupyterhub(hub.machine) == {}


def test_people_come_and_go_while_another_works(changing: Deployment) -> None:
    hub = changing
    alice, ben = hub.person("alice"), hub.person("ben")
    alice.start("small")
    ben.start()
    server, before = hub.server_pid("alice"), _pids(hub)
    (hub.machine.homes / "ben" / "kept").touch()
    home = (hub.machine.homes / "ben").stat().st_uid

    uid = hub.settings["users"].pop("ben")["uid"]
    hub.settings["users"]["carol"] = {
        "uid": uid,  # the number of somebody who leaves is free at once
        "password": {"env": "CAROL"},
        "primary_group": "sailors",
        "groups": ["sailors"],
    }
    hub.settings["profiles"].append({"display_name": "Large", "mem_limit": 3 * 1024**3})
    hub.environment = {"CAROL": "carol's"}
    assert "removing ben" in hub.hub_up()

    after = _pids(hub)
    assert hub.server_pid("alice") == server
    assert after["proxy"] == before["proxy"]
    assert after["hub"] != before["hub"]
    assert not hub.server_pid("ben")
    assert ben.request("/user/ben/lab") is not None
    assert "/hub/login" in ben.url
    assert not Person(hub.machine.url).login("ben", "ben's")
    assert "Large" in hub.person("carol").request("/hub/spawn")
    (hub.machine.homes / "ben" / "kept").unlink()  # is still there
    if hub.unix:
        assert pwd.getpwnam("qhub-carol").pw_uid == uid
        assert (hub.machine.homes / "ben").stat().st_uid == 0, "open to who has the number now"

    del hub.settings["users"]["carol"]
    hub.settings["users"]["ben"] = {
        "uid": uid,
        "password": hashed("new"),
        "primary_group": "sailors",
        "groups": ["sailors"],
    }
    hub.hub_up()
    assert (hub.machine.homes / "ben").stat().st_uid == home
    assert not Person(hub.machine.url).login("ben", "ben's")
    hub.person("ben", "new")
    assert hub.server_pid("alice") == server
    hub.person("alice").stop()


def test_a_password_from_the_environment_is_kept_as_a_hash(changing_none: Deployment) -> None:
    hub = changing_none
    hub.settings["users"]["ben"]["password"] = {"env": "BEN"}
    done = hub.apply_hub()
    assert done.returncode == 1
    assert "BEN is not set" in done.stderr
    assert "Traceback" not in done.stderr

    hub.environment = {"BEN": "from outside"}
    hub.hub_up()
    before = _pids(hub)
    hub.person("ben", "from outside")
    kept = "".join(p.read_text() for p in hub.machine.private.glob("*.json"))
    assert "from outside" not in kept
    hub.hub_up()
    assert _pids(hub) == before, "the same secret gave another hash"
    hub.environment = {"BEN": "changed"}
    hub.hub_up()
    assert not Person(hub.machine.url).login("ben", "from outside")
    hub.person("ben", "changed")


def test_another_port_and_tls_move_only_the_proxy(changing_none: Deployment) -> None:
    hub = changing_none
    alice = hub.person("alice")
    alice.start("small")
    server, old = hub.server_pid("alice"), hub.machine.port
    hub.machine_settings |= {"port": free_port(), "certificate": {"type": "self-signed"}}
    assert "terraform_data.machine" in status.drift_machine(
        hub.machine, hub.wanted_machine_settings()
    )
    _apply_all(hub)
    assert hub.machine.url == f"https://127.0.0.1:{hub.machine_settings['port']}"
    assert hub.machine.port != old
    alice = hub.person("alice")
    alice.enter()
    assert alice.run("1 + 1") == "2"
    assert {"qhub-browser", "jupyterhub-hub-login", "jupyterhub-user-alice"} <= {
        cookie.name for cookie in alice.jar if cookie.secure
    }
    assert hub.server_pid("alice") == server
    alice.stop()
    alice.start("small")  # one that was started with HTTPS
    alice.enter()
    assert not [cookie.name for cookie in alice.jar if not cookie.secure]
    certificate = (hub.machine.private / "tls" / "certificate.pem").read_bytes()
    _apply_all(hub)
    assert (hub.machine.private / "tls" / "certificate.pem").read_bytes() == certificate
    alice.stop()


def test_drift_is_told(none_hub: Deployment) -> None:
    hub = none_hub
    settings = hub.machine.private / "settings.json"
    kept = settings.read_bytes()
    settings.write_bytes(kept.replace(b"Small", b"Tiny "))
    assert "changed" in status.drift_jupyterhub(hub.machine)["terraform_data.jupyterhub"]
    settings.write_bytes(kept)
    program = hub.machine.directory / "bin" / "qhub-env"
    program.unlink()
    assert "bin/" in status.drift_jupyterhub(hub.machine)["terraform_data.jupyterhub"]
    hub.hub_up()
    assert status.drift_jupyterhub(hub.machine) == {}
    program.chmod(0o600)
    assert "bin/" in status.drift_jupyterhub(hub.machine)["terraform_data.jupyterhub"]
    hub.hub_up()
    assert status.drift_jupyterhub(hub.machine) == {}
    marker = hub.machine.environment("user") / ".complete"
    text = marker.read_text()
    marker.unlink()
    assert 'terraform_data.environment["user"]' in status.drift_machine(hub.machine)
    marker.write_text(text)
    assert status.drift_machine(hub.machine) == {}
