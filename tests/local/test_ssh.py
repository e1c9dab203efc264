"""Sessions over SSH, with the real OpenSSH client: what runs, as whom, and what ends it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from qhub.local import kubessh, owned, status
from qhub.local.hubapi import HubApi
from tests.local.deployment import wait_until
from tests.local.ssh import ADA, BEN, GIGABYTE, Client, SshDeployment, as_json


@pytest.fixture(scope="module")
def ada(ssh: SshDeployment) -> Client:
    """Ada, whose server runs."""
    client = ssh.client(ADA)
    client.says("true")
    return client


WHO = (
    "import os, json; m = os.umask(0); print(json.dumps([os.getuid(), os.getgid(), "
    "sorted(os.getgroups()), m, os.getcwd(), dict(os.environ)]))"
)


def test_the_first_login_starts_the_server(ssh: SshDeployment) -> None:
    assert not ssh.server_pid(BEN)
    assert ssh.client(BEN).says("echo hello") == "hello\n"
    assert ssh.server_pid(BEN)
    ssh.server_ends(BEN)


def test_who_waits_for_a_server_is_told(ssh: SshDeployment) -> None:
    ben, home = ssh.client(BEN), ssh.machine.homes / BEN
    ssh.server_ends(BEN)
    home.rename(home.with_name("away"))
    try:
        screen = ben.screen()
        screen.expect("Starting your server")
        screen.expect("did not start. Ask an administrator")
        assert screen.wait() == 255
        assert b"Starting" not in ben.run("true").stderr
    finally:
        home.with_name("away").rename(home)
    assert ben.run("echo hello").stderr == b""
    ssh.server_ends(BEN)


def test_a_command_runs_as_the_notebook_does(ssh: SshDeployment, ada: Client) -> None:
    uid, gid, groups, umask, folder, environment = as_json(ada.says(f'python -c "{WHO}"'))
    home = str(ssh.machine.homes / ADA)
    owner = ssh.folder.stat()
    assert (uid, gid) == ((30101, 30110) if ssh.unix else (owner.st_uid, owner.st_gid))
    assert not ssh.unix or groups == [30110, 30111]
    assert (umask, folder, environment["HOME"]) == (0o007, home, home)
    assert environment["GREETING"] == "hello"
    assert environment["JUPYTERHUB_USER"] == ADA
    assert environment["DASK_GATEWAY__ADDRESS"]
    assert "QHUB_SETTINGS" not in environment
    assert "SSH_CONNECTION" in environment


@pytest.mark.parametrize("code", [0, 1, 7, 254])
def test_exit_codes(ada: Client, code: int) -> None:
    assert ada.run(f"exit {code}").returncode == code


def test_what_a_signal_ends_is_no_success(ada: Client) -> None:
    assert ada.run("kill -9 $$").returncode == 255


def test_output_and_errors_are_apart(ada: Client) -> None:
    done = ada.run("echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_a_script_comes_over_standard_input(ada: Client) -> None:
    assert ada.says("bash", stdin=b"read word\nfrom here\necho $word\n") == "from here\n"
    assert ada.says("cat; echo end", stdin=b"a\nb") == "a\nbend\n"
    assert ada.says(stdin=b"echo $HOME; exit 0\n").endswith(f"{ADA}\n")


def test_much_arrives_whole(ada: Client) -> None:
    data = os.urandom(50_000_000)
    digest = hashlib.sha256(data).hexdigest()
    assert ada.says("sha256sum", stdin=data).split()[0] == digest
    assert hashlib.sha256(ada.run("cat", stdin=data).stdout).hexdigest() == digest


def test_a_program_that_reads_nothing_does_not_hold_up(ada: Client) -> None:
    assert ada.says("echo done", stdin=bytes(20_000_000)) == "done\n"


TELLS_SIZE = (
    "import os, signal; signal.signal(signal.SIGWINCH, lambda *_: 0); "
    'print("rea" + "dy", flush=True); signal.pause(); '
    'print("size=%d,%d" % os.get_terminal_size())'
)


def test_a_terminal_has_the_size_of_the_client_s(ada: Client) -> None:
    screen = ada.screen(size=(101, 33))
    screen.expect(r"\$ ")
    screen.type("stty size; tty; echo $TERM\r")
    screen.expect(r"33 101\r\n/dev/pts/\d+\r\nxterm-256color")
    screen.type(f"python -c '{TELLS_SIZE}'\r")
    screen.expect("ready")
    screen.resize((72, 41))
    screen.expect("size=72,41\r\n")
    screen.type("which python qhub-env\r")
    screen.expect(r"/envs/user-\w+/bin/python\r\n.*/bin/qhub-env")
    screen.type("echo g''o; cat\r")
    screen.expect("go\r\n")
    screen.type("word\r")
    screen.expect("word\r\nword\r\n")
    screen.type("\x03")
    screen.expect(r"\$ ")
    screen.type("exit 5\r")
    assert screen.wait() == 5


def test_a_shell_ends_with_its_input(ada: Client) -> None:
    screen = ada.screen("echo ready; cat; exit 4")
    screen.expect("ready")
    screen.type("hello\r\x04")
    screen.expect("hello\r\n.*hello\r\n")
    assert screen.wait() == 4
    for text in ("hello\n", "hello"):
        done = ada.call("ssh", "-tt", *ada.flags(), ada.host, "cat", stdin=text.encode())
        assert done.stdout.replace(b"\r\n", b"") == b"hellohello"


def test_only_words_of_language_come_along(ada: Client) -> None:
    settings = ("SetEnv=LC_TIME=de_DE.UTF-8 LD_PRELOAD=/x PATH=/x",)
    client = replace(ada, options=("-o", settings[0]))
    assert client.says("echo $LC_TIME-$LD_PRELOAD-; which env") == "de_DE.UTF-8--\n/usr/bin/env\n"


def test_agents_and_displays_stay_at_home(ada: Client) -> None:
    assert ada.says("echo -$SSH_AUTH_SOCK-$DISPLAY-") == "---\n"
    client = replace(ada, options=("-A", "-X"))
    assert client.says("echo -$SSH_AUTH_SOCK-$DISPLAY-") == "---\n"


def _sleepers(ssh: SshDeployment, marks: str) -> list[int]:
    found = []
    for process in owned.processes(ssh.machine):
        with contextlib.suppress(psutil.Error):
            if marks in process.cmdline():
                found.append(process.pid)
    return found


@pytest.mark.parametrize("terminal", [False, True])
def test_what_runs_ends_with_the_connection(
    ssh: SshDeployment, ada: Client, terminal: bool
) -> None:
    mark = f"31{int(terminal)}1.7"
    command = f"setsid nohup sleep 9{mark} > /dev/null 2>&1 < /dev/null & sleep {mark}; echo x"
    flags = ("-tt",) if terminal else ()
    with ada.background(*flags, words=(command,)):
        wait_until(lambda: _sleepers(ssh, mark), 60)
        [kept] = wait_until(lambda: _sleepers(ssh, f"9{mark}"), 60)
    wait_until(lambda: not _sleepers(ssh, mark), 60)
    assert _sleepers(ssh, f"9{mark}") == [kept], "what was put in the background goes on"
    os.kill(kept, signal.SIGKILL)


def test_limits_are_the_server_s(ssh: SshDeployment, ada: Client) -> None:
    server = ssh.server_pid(ADA)
    if ssh.unix:
        groups = ada.says("cat /proc/self/cgroup").splitlines()
        held = [line for line in groups if line.endswith(f"/{ADA}")]
        assert held
        assert {*held} <= {*Path("/proc", str(server), "cgroup").read_text().splitlines()}
    else:
        limit = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
        assert ada.says(f"python -c '{limit}'") == f"{GIGABYTE}\n"
    much = "x = bytearray(2**30 + 2**28); print(len(x))"
    done = ada.run(f"python -c '{much}'")
    assert done.returncode != 0
    assert b"1342177280" not in done.stdout
    assert ssh.server_pid(ADA) == server, "the server itself goes on"
    assert ada.says("nproc") == f"{len(os.sched_getaffinity(server))}\n"


def test_a_session_keeps_the_server_awake(ssh: SshDeployment, ada: Client) -> None:
    def last() -> str:
        _, user = HubApi(ssh.machine).call("GET", f"/users/{ADA}")
        return str(user["servers"][""]["last_activity"])

    with ada.background(words=("sleep 300",)) as process:
        before = last()
        wait_until(lambda: last() > before, 90)
        later = last()
        wait_until(lambda: last() > later, 90)
        assert process.poll() is None


def test_sessions_end_with_the_server(ssh: SshDeployment) -> None:
    ben = ssh.client(BEN)
    with ben.background(words=("sleep 3217",)) as process:
        wait_until(lambda: _sleepers(ssh, "3217"), 60)
        ssh.server_ends(BEN)
        process.wait(60)
        wait_until(lambda: not _sleepers(ssh, "3217"), 60)


def test_files_of_the_service_are_closed(ssh: SshDeployment, ada: Client) -> None:
    machine = ssh.machine
    for name in ("ssh.json", "ssh-people.json", kubessh.HOST_KEY):
        assert (machine.private / name).stat().st_mode & 0o777 == 0o600, name
    secrets = [path.read_text().strip() for path in machine.private.glob("token-*")]
    with ada.background(words=("sleep 60",)):
        wait_until(lambda: _sleepers(ssh, "60"), 60)
        for process in owned.processes(machine):
            words = " ".join(process.cmdline())
            assert not any(secret in words for secret in [*secrets, ssh.token(ADA)])
            if process.environ().get(owned.SERVER_VARIABLE) == ADA:
                told = {*process.environ().values()}
                assert not told & {*secrets}


def test_the_host_key_stays(ssh: SshDeployment, ada: Client) -> None:
    before, keeper = ssh.host_key, ssh.pid("ssh")
    ssh.succeed("kubessh", "remove")
    assert "ssh" not in {process.name for process in status.processes(ssh.machine)}
    assert ssh.server_pid(ADA)
    ssh.ssh_up()
    assert ssh.host_key == before
    assert ssh.pid("ssh") != keeper
    assert ada.says("echo hello") == "hello\n"


def test_what_is_gone_is_drift(ssh: SshDeployment) -> None:
    machine = ssh.machine
    assert status.drift_kubessh(machine) == {}
    assert "ssh" in status.logs(machine)
    (machine.ssh / "relay.py").unlink()
    assert "relay.py is gone" in status.drift_kubessh(machine)["terraform_data.kubessh"]
    ssh.ssh_up()
    assert status.drift_kubessh(machine) == {}
