"""Unix users: who may read what, and whose accounts are touched."""

from __future__ import annotations

import grp
import pwd
import subprocess
from collections.abc import Iterator

import pytest

from qhub.local import accounts, machine
from qhub.local.settings import MachineSettings
from tests.local.deployment import Deployment

STRANGER = "qhub-stranger"


@pytest.fixture
def stranger() -> Iterator[str]:
    """An account that looks like ours and isn't."""
    subprocess.run(["useradd", "--uid", "23190", "--no-create-home", STRANGER], check=True)
    yield STRANGER
    subprocess.run(["userdel", STRANGER], check=True)


def test_people_are_isolated_but_for_what_they_share(unix_hub: Deployment) -> None:
    place = unix_hub.machine
    alice, ben = unix_hub.person("alice"), unix_hub.person("ben")
    for person in (alice, ben):
        person.start()
        person.enter()
    server = unix_hub.server_pid("alice")
    closed = [place.homes / "alice", place.shared / "captains", place.run / "alice"]
    closed += [place.private, place.logs, place.supervisor, place.hub]
    letter = place.shared / "sailors" / "letter"
    with alice.kernel() as a, ben.kernel() as b:
        who = "import os; print(os.getuid(), os.getgid(), sorted(os.getgroups()), end='')"
        assert a.run(who) == "23101 23110 [23110, 23111]"
        assert b.run(who) == "23102 23111 [23111]"
        a.run("with open('shared/sailors/letter', 'w') as f: f.write('for us')")
        assert b.run("print(open('shared/sailors/letter').read(), end='')") == "for us"
        b.run("with open('shared/sailors/letter', 'a') as f: f.write(', too')")
        assert a.run("print(open('shared/sailors/letter').read(), end='')") == "for us, too"
        for path in closed:
            assert "PermissionError" in b.run(f"os.listdir({str(path)!r})"), path
        assert "PermissionError" in b.run(f"open('/proc/{server}/environ').read()")
        file = "import json, ipykernel; print(open(ipykernel.get_connection_file()).read())"
        assert '"transport": "ipc"' in a.run(file), "others could hear what a kernel prints"
    letter.unlink()


def test_who_leaves_a_group_loses_it_at_once(changing_unix: Deployment) -> None:
    hub = changing_unix
    alice, ben = hub.person("alice"), hub.person("ben")
    alice.start("small")
    ben.start()
    server = hub.server_pid("ben")
    hub.settings["users"]["alice"]["groups"] = ["captains"]
    assert "alice, who left a group" in hub.hub_up()
    assert not hub.server_pid("alice")
    assert hub.server_pid("ben") == server
    assert "qhub-alice" not in grp.getgrnam("qhub-sailors").gr_mem
    hub.person("ben").stop()


def test_another_uid_takes_the_files_along(changing_unix: Deployment) -> None:
    hub = changing_unix
    home = hub.machine.homes / "ben"
    ben = hub.person("ben")
    ben.start()
    ben.enter()
    ben.run("open('mine', 'w').write('x')")
    (home / "link").symlink_to("/etc/hostname")
    hub.settings["users"]["ben"]["uid"] = 23155
    hub.hub_up()
    assert pwd.getpwnam("qhub-ben").pw_uid == 23155
    assert home.stat().st_uid == (home / "mine").stat().st_uid == 23155
    assert pwd.getpwnam("root").pw_uid == (home / "link").resolve().stat().st_uid
    (home / "link").unlink()


def test_accounts_of_others_stop_the_deploy_before_anything_changed(
    changing_unix: Deployment, stranger: str
) -> None:
    hub = changing_unix
    before = pwd.getpwall()
    person = {"password": None, "primary_group": "sailors", "groups": ["sailors"]}
    hub.settings["users"] |= {
        "stranger": {"uid": 23191, **person},
        "dora": {"uid": 23190, **person},
    }
    hub.settings["groups"]["daemons"] = {"gid": 1}
    done = hub.apply_hub()
    assert done.returncode == 1
    assert "qhub-stranger is not made by qhub" in done.stderr
    assert "uid 23190" in done.stderr
    assert "gid 1 of the group daemons is that of daemon" in done.stderr
    assert pwd.getpwall() == before


def test_accounts_bear_the_sign_of_the_deployment_and_no_password(unix_hub: Deployment) -> None:
    ours = accounts.our_users(unix_hub.machine)
    assert set(ours) == {"alice", "ben"}
    for entry in ours.values():
        assert entry.pw_gecos == f"qhub {unix_hub.machine.directory}"
        state = subprocess.check_output(["passwd", "--status", entry.pw_name], text=True)
        assert state.split()[1] == "L"


def test_isolation_can_come_later(unix_hub: Deployment) -> None:
    """A folder made without Unix users, so closed to others, is no obstacle to have them."""
    settings = MachineSettings.model_validate(unix_hub.machine_settings | {"isolation": "auto"})
    unix_hub.machine.directory.chmod(0o700)
    try:
        assert machine.resolve(settings, unix_hub.facts).unix
    finally:
        unix_hub.machine.directory.chmod(0o755)
