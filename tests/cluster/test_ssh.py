"""SSH on a cluster: everything lands in the person's own pod, and in no other."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qhub.kubernetes.cluster import Cluster
from tests.cluster.conftest import node_address
from tests.cluster.deployment import ClusterDeployment
from tests.cluster.ssh import ClusterSsh, settings
from tests.local.deployment import free_port, wait_until
from tests.local.ssh import Client, answers, bootstrap, echoed, proxied

pytestmark = pytest.mark.skipif(not shutil.which("ssh"), reason="needs the OpenSSH client")

SIZE = 20_000_000


@pytest.fixture(scope="module")
def ssh(cluster: Cluster, deployment: ClusterDeployment) -> ClusterSsh:
    if not deployment.config.get("kubessh"):
        deployment.config["kubessh"] = settings()
        deployment.deploy()
    return ClusterSsh(deployment, node_address(cluster))


@pytest.fixture(scope="module")
def ada(ssh: ClusterSsh) -> Client:
    """Ada, whose server runs."""
    client = ssh.client("ada")
    assert client.run("true", seconds=600).returncode == 0
    return client


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big file"
    path.write_bytes(os.urandom(SIZE))
    path.chmod(0o640)
    return path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- commands -------------------------------------------------------------------------------------


def test_the_first_login_starts_the_server(ssh: ClusterSsh) -> None:
    if ssh.server_pod("ben"):
        ssh.server_ends("ben")
    done = ssh.client("ben").run("hostname", seconds=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert done.stdout.decode().strip() == ssh.server_pod("ben").metadata.name


def test_a_command_runs_as_the_pod_does(ssh: ClusterSsh, ada: Client) -> None:
    pod = ssh.server_pod("ada")
    said = ada.says("id -u; id -g; id -un; pwd; umask; echo $JUPYTERHUB_USER; hostname").split()
    security = pod.spec.containers[0].security_context
    user, group = str(security.run_as_user), str(security.run_as_group)
    assert said == [user, group, "ada", "/home/ada", "0007", "ada", pod.metadata.name]


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_exit_codes(ada: Client, code: int) -> None:
    assert ada.run(f"exit {code}").returncode == code


def test_what_a_signal_ends_is_no_success(ada: Client) -> None:
    assert ada.run("kill -KILL $$").returncode == 255


def test_output_and_errors_are_apart(ada: Client) -> None:
    done = ada.run("cat; echo no >&2", stdin=b"in")
    assert (done.stdout, done.stderr) == (b"in", b"no\n")


def test_much_arrives_whole(ada: Client) -> None:
    data = os.urandom(SIZE)
    done = ada.run("tee /dev/stderr | sha256sum", stdin=data)
    assert done.stdout.split()[0].decode() == digest(data)
    assert digest(done.stderr) == digest(data)


def test_a_program_that_reads_nothing_does_not_hold_up(ada: Client) -> None:
    assert ada.run("exec <&-; sleep 1; echo done", stdin=b"x" * SIZE).stdout == b"done\n"


def test_a_terminal_has_the_size_of_the_client_s(ada: Client) -> None:
    screen = ada.screen(size=(101, 31))
    try:
        screen.type("stty size; tty; echo $TERM\r")
        screen.expect(r"31 101\s+/dev/pts/\d+\s+xterm-256color")
        screen.resize((120, 40))
        os.killpg(screen._process.pid, 28)  # SIGWINCH
        time.sleep(1)
        screen.type("stty size; which jupyter-lab\r")
        screen.expect(r"40 120\s+\S+/bin/jupyter-lab")
        screen.type("exit 9\r")
        assert screen.wait() == 9
    finally:
        screen.close()


def test_control_c_reaches_the_program(ada: Client) -> None:
    screen = ada.screen()
    try:
        # One program, which is at work once it speaks: bash may miss a key between two of a line.
        screen.type("sh -c \"echo sleep''ing; exec sleep 600\"\r")
        screen.expect("sleeping")
        screen.type("\x03")
        screen.type("echo awa''ke\r")
        screen.expect("awake")
    finally:
        screen.close()


def test_what_runs_ends_with_the_connection(ada: Client) -> None:
    with ada.background(words=("exec sleep 98765",)):
        wait_until(lambda: "98765" in ada.says("ps -eo args"), 60)
    screen = ada.screen()
    screen.type("sleep 98764\r")
    wait_until(lambda: "98764" in ada.says("ps -eo args"), 60)
    screen.close()
    wait_until(lambda: not re.search("9876[45]", ada.says("ps -eo args")), 60)
    # One agent is that of the very command that asks.
    wait_until(lambda: ada.says("pgrep -fc '^python3 -I -S'") == "1\n", 60)


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "name"), [("-s", "from here"), ("-O", "from-here")])
def test_scp(ada: Client, big: Path, tmp_path: Path, protocol: str, name: str) -> None:
    ada.scp(protocol, "-p", str(big), f"{ada.host}:{name}")
    said = ada.says(f"sha256sum < '{name}'; stat -c %a,%s '{name}'").split()
    assert said == [digest(big.read_bytes()), "-", f"640,{SIZE}"]
    back = tmp_path / "back"
    ada.scp(protocol, f"{ada.host}:{name}", str(back))
    assert digest(back.read_bytes()) == digest(big.read_bytes())
    ada.says(f"rm '{name}'")


def test_sftp(ada: Client, big: Path) -> None:
    back = big.with_name("back")
    lines = ("mkdir by-sftp", "cd by-sftp", f'put "{big}" one', "rename one two", "ln -s two three")
    more = ("chmod 600 two", f"get three {back}", "mkdir empty", "rmdir empty", "ls -l", "pwd")
    flags = ("-o", "BatchMode=no", *ada.flags("-P"))
    batch = "\n".join((*lines, *more)).encode()
    done = ada.call("sftp", "-q", *flags, "-b", "-", ada.host, stdin=batch)
    assert done.returncode == 0, done.stderr
    assert b"/home/ada/by-sftp" in done.stdout
    assert re.search(rb"-rw------- +\S+ +ada +admin ", done.stdout)
    assert digest(back.read_bytes()) == digest(big.read_bytes())
    assert ada.says("readlink by-sftp/three; stat -c %a by-sftp/two; rm -r by-sftp") == "two\n600\n"


def test_a_shared_folder_keeps_its_rights(ada: Client, ssh: ClusterSsh, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("for all")
    ada.scp(str(tmp_path / "note"), f"{ada.host}:/shared/users/note")
    ben = ssh.client("ben")
    assert ben.run("cat /shared/users/note", seconds=600).stdout == b"for all"
    assert ben.run("cat /home/ada/x; ls /home/ada").returncode != 0
    ada.says("rm /shared/users/note")


# --- connections ----------------------------------------------------------------------------------

ECHO = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
kind = socketserver.{kind}
kind.allow_reuse_address = kind.daemon_threads = True
with kind({place!r}, Echo) as server:
    print(server.server_address, flush=True)
    server.serve_forever()
"""


@contextlib.contextmanager
def echo(client: Client, kind: str, place: object) -> Iterator[Any]:
    """Something in the pod that sends back what it gets; where it listens."""
    script = ECHO.format(kind=kind, place=place)
    with client.background("-T", words=("exec python3 -",)) as process:
        process.stdin.write(script.encode())
        process.stdin.close()
        said = process.stdout.readline().decode().strip()
        process.stdin = None
        yield re.sub(r"\D+(\d+)\)$", r"\1", said.partition(",")[2]) if "(" in said else said


@pytest.fixture(scope="module")
def there(ada: Client) -> Iterator[int]:
    """A port of the pod where what is said comes back."""
    with echo(ada, "ThreadingTCPServer", ("127.0.0.1", 0)) as said:
        yield int(re.search(r"\d+", str(said))[0])  # type: ignore[index]


def test_a_port_from_there(ada: Client, there: int) -> None:
    port, data = free_port(), os.urandom(SIZE)
    with ada.forward("-L", f"{port}:127.0.0.1:{there}"):
        assert echoed(answers(port), data) == data
        many = [answers(port) for _ in range(50)]
        for number, one in enumerate(many):
            one.sendall(bytes([number]))
        assert [one.recv(1) for one in many] == [bytes([number]) for number in range(50)]
        for one in many:
            one.close()


def test_a_port_where_nobody_listens(ada: Client) -> None:
    port = free_port()
    nobody = ada.forward("-L", f"{port}:127.0.0.1:1")
    with nobody, contextlib.suppress(ConnectionResetError):
        assert answers(port).recv(1) == b""


def test_any_port_through_a_proxy(ada: Client, there: int) -> None:
    port = free_port()
    with ada.forward("-D", str(port)):
        for host in (b"\x01" + socket.inet_aton("127.0.0.1"), b"\x03\x09localhost"):
            assert echoed(proxied(port, host, there), b"through") == b"through"


def test_a_socket_from_there(ada: Client, tmp_path: Path) -> None:
    here, place = tmp_path / "here.sock", "/home/ada/there.sock"
    with echo(ada, "ThreadingUnixStreamServer", place), ada.forward("-L", f"{here}:{place}"):
        wait_until(here.exists, 60)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(here))
            assert echoed(connection, b"x" * 300_000) == b"x" * 300_000
    ada.says(f"rm {place}")


def test_a_port_and_a_socket_from_here(ada: Client, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        ask = "import socket; s = socket.socket(socket.{0}); s.connect({1!r}); print(s.recv(9))"
        with ada.forward("-R", f"45671:{target}", "-R", f"/home/ada/back.sock:{target}"):
            wait_until(lambda: ada.run("test -S back.sock").returncode == 0, 60)
            assert ada.says("stat -c %a back.sock") == "600\n"
            for family, place in (("AF_INET", ("127.0.0.1", 45671)), ("AF_UNIX", "back.sock")):
                script = ask.format(family, place)
                with ada.background(words=(f'python3 -c "{script}"',)) as asking:
                    comer, _ = listener.accept()
                    comer.sendall(b"from here")
                    comer.close()
                    assert asking.stdout.read() == b"b'from here'\n"
    wait_until(lambda: ada.run("test -e back.sock").returncode == 1, 60)


def test_what_vscode_does(ada: Client) -> None:
    pid = bootstrap(ada)
    assert ada.run(f"kill -0 {pid}").returncode == 0, "the next connection finds it again"
    ada.says(f"kill {pid}")


def test_a_websocket_of_jupyterlab(ada: Client, ssh: ClusterSsh) -> None:
    """The notebook server itself is reached, too, with a token of its owner."""
    port = free_port()
    with ada.forward("-L", f"{port}:127.0.0.1:8888"):
        answers(port).close()
        url = f"http://127.0.0.1:{port}/user/ada/api/status"
        asked = ["curl", "-s", "-H", f"Authorization: token {ssh.token('ada')}", url]
        assert "started" in json.loads(subprocess.check_output(asked))


def test_one_connection_for_many(ada: Client, tmp_path: Path) -> None:
    control = tmp_path / "control"
    shared = replace(ada, options=("-o", f"ControlPath={control}"))
    with shared.background("-M", "-N"):
        wait_until(control.exists, 60)
        without = replace(shared, token="")
        for number in range(15):
            assert without.says(f"echo {number}") == f"{number}\n"


# --- who may come ---------------------------------------------------------------------------------


def test_nobody_else_comes_in(ssh: ClusterSsh, ada: Client) -> None:
    for name, token in (
        ("ada", "wrong"),
        ("ben", ssh.token("ada")),
        ("root", ssh.token("ada")),
        ("jovyan", ssh.token("ada")),
        ("ada", ssh.token("ada", scopes=["read:users!user=ada"])),
    ):
        done = ssh.client(name, token=token).run("true")
        assert done.returncode == 255, name
        assert b"Permission denied" in done.stderr or b"Too many" in done.stderr


def test_guessing_gets_slow(ssh: ClusterSsh, ada: Client) -> None:
    guesser = ssh.client("stranger", token="guess")
    said = [guesser.run("true").stderr for _ in range(8)]
    assert b"Too many wrong tokens" in said[-1]
    assert ada.says("echo in") == "in\n", "its owner's right token still opens"


def test_the_server_may_run_programs_in_people_s_pods_alone(ssh: ClusterSsh, ada: Client) -> None:
    from kubernetes import client

    reviews = client.AuthorizationV1Api(ssh.cluster.api)
    everybody = ssh.pods("")

    def may(verb: str, resource: str, name: str | None, subresource: str | None = None) -> bool:
        wanted = client.V1ResourceAttributes(
            namespace=ssh.namespace,
            verb=verb,
            resource=resource,
            name=name,
            subresource=subresource,
        )
        review = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(
                user=f"system:serviceaccount:{ssh.namespace}:kubessh", resource_attributes=wanted
            )
        )
        return bool(ssh.cluster.ask(reviews.create_subject_access_review, review).status.allowed)

    for pod in everybody:
        name = pod.metadata.name
        server = pod.metadata.labels.get("component") == "singleuser-server"
        assert may("create", "pods", name, "exec") is server, name
        assert may("get", "pods", name) is server, name
    assert not may("list", "pods", None)
    assert not may("get", "secrets", "kubessh")


def test_its_pod_is_locked_up(ssh: ClusterSsh) -> None:
    [pod] = ssh.pods("app.kubernetes.io/name=kubessh")
    security = pod.spec.security_context
    assert security.run_as_non_root
    assert security.seccomp_profile.type == "RuntimeDefault"
    for container in [*pod.spec.containers, *(pod.spec.init_containers or ())]:
        own = container.security_context
        assert own.read_only_root_filesystem
        assert own.allow_privilege_escalation is False
        assert own.capabilities.drop == ["ALL"]
        assert container.resources.requests


# --- while it goes on -----------------------------------------------------------------------------


def test_a_session_keeps_the_server_awake(ssh: ClusterSsh, ada: Client) -> None:
    def active() -> str:
        owner = ssh.deployment.person("ada").hub_api("GET", "/users/ada")
        return str(owner["servers"][""]["last_activity"])

    with ada.background(words=("sleep 600",)):
        before = active()
        wait_until(lambda: active() > before, 60)
        then = active()
        wait_until(lambda: active() > then, 60)


def test_sessions_end_with_the_server(ssh: ClusterSsh) -> None:
    ben = ssh.client("ben")
    ben.run("true", seconds=600)
    with ben.background(words=("echo on; sleep 600",)) as session:
        assert session.stdout.readline() == b"on\n"
        ssh.server_ends("ben")
        assert session.wait(60) == 255


@pytest.mark.slow
def test_a_key_of_the_config_opens(ssh: ClusterSsh, ada: Client, tmp_path: Path) -> None:
    """It comes to the running server, in which nobody's session ends for it."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    config = ssh.deployment.config["security"]["users"]["ada"]
    by_key = ssh.client("ada", key=key)
    with ada.background(words=("cat",)) as session:
        assert by_key.run("true").returncode == 255
        config["ssh_keys"] = [key.with_suffix(".pub").read_text().strip()]
        ssh.deployment.deploy()
        wait_until(lambda: by_key.run("true").returncode == 0, 150)
        session.stdin.write(b"still on\n")
        session.stdin.flush()
        assert session.stdout.readline() == b"still on\n"
    del config["ssh_keys"]
    ssh.deployment.deploy()
    wait_until(lambda: by_key.run("true").returncode == 255, 150)


def test_the_host_key_outlives_the_pod(ssh: ClusterSsh, ada: Client) -> None:
    def names() -> list[str]:
        return [pod.metadata.name for pod in ssh.pods("app.kubernetes.io/name=kubessh")]

    [before] = names()
    ssh.cluster.ask(ssh.cluster.core.delete_namespaced_pod, before, ssh.namespace)
    wait_until(lambda: len(names()) == 1 and names() != [before], 120)
    wait_until(lambda: ada.run("true").returncode == 0, 120)
