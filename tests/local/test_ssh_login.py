"""Who may log in over SSH, with what, and how often they may be wrong."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.local.deployment import wait_until
from tests.local.ssh import ADA, BEN, Client, SshDeployment

STRANGE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def changing(ssh: SshDeployment) -> Iterator[SshDeployment]:
    """For tests that change keys; afterwards there are none."""
    yield ssh
    ssh.keys = {}
    ssh.ssh_up()


def _public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


def _refused(client: Client) -> bytes:
    done = client.run("echo in")
    assert done.returncode == 255, done
    assert b"in\n" not in done.stdout
    return bytes(done.stderr)


def _from(client: Client, address: str) -> Client:
    """The client at another address, so that what it does wrong is not held against others."""
    return replace(client, options=(*client.options, "-o", f"BindAddress={address}"))


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_a_token_of_the_hub_opens(ssh: SshDeployment, method: str) -> None:
    client = ssh.client(ADA, options=("-o", f"PreferredAuthentications={method}"))
    assert client.says("echo in") == "in\n"


def test_nothing_else_does(ssh: SshDeployment) -> None:
    ada = _from(ssh.client(ADA), "127.0.0.11")
    little = ssh.token(ADA, scopes=["read:users!user"])
    service = (ssh.machine.private / "token-qhub").read_text().strip()
    for token in (STRANGE, "", "ssh", ssh.token(BEN), little, service, "é", "a b", "x" * 5000):
        assert b"Permission denied" in _refused(replace(ada, token=token)), token
        assert ada.says("echo in") == "in\n"  # being right takes the wrong ones back


@pytest.mark.parametrize("name", ["root", "nobody", "qhub-" + ADA, "..", "a" * 200, "ada;id"])
def test_nobody_else_is_known(ssh: SshDeployment, name: str) -> None:
    client = _from(ssh.client(ADA), "127.0.0.12")
    done = client.call("ssh", *client.flags(), "-l", name, "127.0.0.1", "echo in")
    assert done.returncode == 255
    assert done.stdout == b""


def test_a_revoked_token_is_none(ssh: SshDeployment) -> None:
    person = ssh.person(ADA, "ssh")
    made = person.hub_api("POST", f"/users/{ADA}/tokens", {"note": "short"})
    client = _from(ssh.client(ADA, token=made["token"]), "127.0.0.13")
    assert client.says("echo in") == "in\n"
    person.hub_api("DELETE", f"/users/{ADA}/tokens/{made['id']}")
    assert b"Permission denied" in _refused(client)


def test_guessing_gets_slow(ssh: SshDeployment) -> None:
    right = _from(ssh.client(BEN), "127.0.0.14")
    wrong = replace(right, token=STRANGE)
    for _ in range(7):
        said = _refused(wrong)
    assert b"Too many wrong tokens" in said
    assert b"Too many wrong tokens" in _refused(right)
    assert _from(ssh.client(BEN), "127.0.0.15").says("echo in") == "in\n"
    assert _from(ssh.client(ADA), "127.0.0.14").says("echo in") == "in\n"
    log = (ssh.machine.logs / "ssh.log").read_text()
    assert f"127.0.0.14: wrong token for '{BEN}'" in log
    assert STRANGE not in log
    assert ssh.token(BEN) not in log


def test_guessing_of_names_gets_slow(ssh: SshDeployment) -> None:
    client = _from(ssh.client(ADA, token=STRANGE), "127.0.0.16")
    for number in range(25):
        done = client.call("ssh", *client.flags(), "-l", f"guess{number}", "127.0.0.1", "true")
        if b"Too many wrong tokens" in done.stderr:
            return
    raise AssertionError(done.stderr)


def test_strangers_do_not_take_all_places(ssh: SshDeployment) -> None:
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(80):
            one = socket.create_connection(("127.0.0.1", ssh.port), timeout=30)
            sockets.append(stack.enter_context(one))
        greeted = sum(bool(_received(one)) for one in sockets)
        assert 0 < greeted <= 60
    wait_until(lambda: ssh.client(ADA).run("true").returncode == 0, 60)


def _received(one: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        return one.recv(4)
    return b""


def test_a_key_of_the_config_opens(changing: SshDeployment, key: Path, tmp_path: Path) -> None:
    ada = changing.client(ADA, key=key)
    assert b"Permission denied" in _refused(ada)
    service = changing.pid("ssh")
    with changing.client(BEN).background(words=("echo in; cat",)) as other:
        assert other.stdout.readline() == b"in\n"
        changing.keys = {ADA: [_public(key)]}
        changing.ssh_up()
        assert ada.says("echo in") == "in\n"
        assert b"Permission denied" in _refused(changing.client(BEN, key=key))
        changing.keys = {}
        changing.ssh_up()
        assert b"Permission denied" in _refused(ada)
        other.stdin.write(b"still here\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"still here\n"
    assert changing.pid("ssh") == service


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_keys_of_other_kinds(changing: SshDeployment, tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    changing.keys = {ADA: [_public(path)]}
    changing.ssh_up()
    assert changing.client(ADA, key=path).says("echo in") == "in\n"


def test_who_is_removed_is_out(changing: SshDeployment, key: Path) -> None:
    changing.keys = {BEN: [_public(key)]}
    changing.ssh_up()
    ben = changing.client(BEN, key=key)
    person = changing.settings["users"][BEN]
    try:
        with ben.background(words=("echo in; sleep 600",)) as session:
            assert session.stdout.readline() == b"in\n"
            del changing.settings["users"][BEN]
            changing.hub_up()
            changing.ssh_up()
            session.wait(60)
        assert b"Permission denied" in _refused(ben)
        assert b"Permission denied" in _refused(
            _from(changing.client(BEN, token=changing.tokens.get(BEN, STRANGE)), "127.0.0.17")
        )
    finally:
        changing.settings["users"][BEN] = person
        changing.tokens.pop(BEN, None)
        changing.hub_up()
