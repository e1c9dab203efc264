"""What people get at who have no business there: users of the machine, and each other.

`stranger`: a Unix user of the machine who is nobody of the hub. `ben`: a person of the hub at
things of Alice's. Both are real Unix users here, so these tests need root.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from qhub.hub import listeners
from qhub.local import owned, system
from tests.local.browser import Kernel
from tests.local.deployment import Deployment
from tests.local.stranger import (
    NOBODY_OF_THE_HUB,
    Identity,
    ask,
    become,
    files_with,
    open_processes,
    open_sockets,
    speaks_http,
    writable,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root"),
]
CANARY = f"canary-{secrets.token_hex(16)}"

PUBLIC = re.compile(
    r"/hub/(api/?|health|login|static/.*)|/user/alice/(api/?|static/.*)|/services/\S+/api/health"
)
"""What answers whoever asks: versions, health, the login page and its looks."""

PATHS = (
    *("/", "/api", "/api/rawdata", "/api/http/routers", "/api/overview", "/dashboard/", "/ping"),
    *("/metrics", "/debug/pprof/", "/hub/metrics", "/hub/admin", "/hub/home", "/hub/token"),
    *("/hub/api", "/hub/api/users", "/hub/api/users/alice", "/hub/api/info", "/hub/api/proxy"),
    *("/hub/api/groups", "/hub/api/services", "/hub/api/users/alice/tokens", "/hub/health"),
    *("/user/alice/api", "/user/alice/api/status", "/user/alice/api/kernels"),
    *("/user/alice/api/contents", "/user/alice/api/contents/canary.txt", "/user/alice/lab"),
    *("/user/alice/files/canary.txt", "/user/alice/api/terminals", "/user/alice/metrics"),
    *("/services/dask-gateway/api/v1/clusters/", "/api/v1/clusters/", "/api/v1/routes"),
)


@dataclass
class Lived:
    """A hub on which Alice is at work, and Ben has a server, too."""

    hub: Deployment
    kernel: Kernel

    @property
    def ben(self) -> Identity:
        ben, groups = self.hub.settings["users"]["ben"], self.hub.settings["groups"]
        gids = [groups[name]["gid"] for name in ben["groups"]]
        return Identity(ben["uid"], groups[ben["primary_group"]]["gid"], gids)

    @property
    def others(self) -> list[Identity]:
        """Who is to see nothing: without Unix users Ben's server runs as Alice's does."""
        return [NOBODY_OF_THE_HUB, self.ben] if self.hub.unix else [NOBODY_OF_THE_HUB]

    def listening(self, of: str | None = None) -> list[tuple[str, int]]:
        """Addresses and ports of the deployment's processes, or of those of one person."""
        found = set()
        for process in owned.processes(self.hub.machine):
            if of is None or process.username() == f"qhub-{of}":
                for connection in process.net_connections(kind="tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        found.add((connection.laddr.ip, connection.laddr.port))
        return sorted(found)


@pytest.fixture
def lived(hub: Deployment) -> Iterator[Lived]:
    alice, ben = hub.person("alice"), hub.person("ben")
    alice.start("small")
    alice.enter()
    with alice.kernel() as kernel:
        code = f"open('canary.txt', 'w').write({CANARY!r}); print({CANARY!r})"
        assert CANARY in kernel.run(code)
        ben.start()
        yield Lived(hub, kernel)


def _secrets(hub: Deployment) -> list[bytes]:
    private = hub.machine.private
    values = [path.read_bytes().strip() for path in private.glob("token-*")]
    values += [private.joinpath("cookie_secret").read_bytes().strip(), CANARY.encode()]
    return values + [user["password"]["hash"].encode() for user in hub.settings["users"].values()]


def test_files_and_sockets_are_closed(lived: Lived) -> None:
    directory = lived.hub.machine.directory
    tops = [directory, lived.hub.facts.parent, Path("/tmp")]  # noqa: S108
    sockets = [p for p in directory.rglob("*") if stat.S_ISSOCK(p.lstat().st_mode)]
    assert len(sockets) > 5, "the supervisor's, and those of Alice's kernel"
    # Those that Terraform's place is taken by in these tests are not the deployment's.
    given = {str(lived.hub.folder / f"{name}.tfvars.json") for name in ("machine", "hub")}
    for who in lived.others:
        assert {*become(who, files_with, tops, _secrets(lived.hub))} <= given
        assert not become(who, open_sockets, sockets)
    assert not become(NOBODY_OF_THE_HUB, writable, [directory])


def test_ben_can_write_only_what_is_his(lived: Lived) -> None:
    if not lived.hub.unix:
        pytest.skip("Ben's server runs as Alice's does")
    machine = lived.hub.machine
    own = [machine.homes / "ben", machine.run / "ben", machine.shared / "sailors"]
    for path in map(Path, become(lived.ben, writable, [machine.directory])):
        assert any(path.is_relative_to(folder) for folder in own), path


def test_processes_are_closed(lived: Lived) -> None:
    everybody = [process.pid for process in owned.processes(lived.hub.machine)]
    assert len(everybody) >= 6
    assert not become(NOBODY_OF_THE_HUB, open_processes, everybody)
    if lived.hub.unix:
        bens = {process.pid for process in system.of_user(lived.ben.uid)}
        assert not become(lived.ben, open_processes, sorted({*everybody} - bens))


def test_ports_are_loopback_and_say_nothing_to_a_stranger(lived: Lived) -> None:
    listening = lived.listening()
    assert {address for address, _ in listening} == {"127.0.0.1"}
    ports = [port for _, port in listening if become(NOBODY_OF_THE_HUB, speaks_http, port)]
    assert {lived.hub.machine.port, lived.hub.machine.ports["hub"]} < {*ports}
    assert len(ports) >= 5, "proxy and its API, hub, two servers"
    for answer in become(NOBODY_OF_THE_HUB, ask, ports, PATHS):
        _says_nothing(lived, answer.path, answer.status, answer.body)


def test_ports_say_nothing_of_alice_to_a_token_of_bens(lived: Lived) -> None:
    ben = lived.hub.person("ben")
    token = ben.hub_api("POST", "/users/ben/tokens", {"note": "curious"})["token"]
    ports = [port for _, port in lived.listening() if speaks_http(port)]
    theirs = [path for path in PATHS if "alice" in path or "/api/" in path]
    for answer in become(NOBODY_OF_THE_HUB, ask, ports, theirs, token):
        _says_nothing(lived, answer.path, answer.status, answer.body)


def _says_nothing(lived: Lived, path: str, status: int, body: bytes) -> None:
    assert status != 200 or PUBLIC.fullmatch(path), path
    assert not any(secret in body for secret in _secrets(lived.hub)), path


def test_what_a_kernel_prints_goes_over_no_port(lived: Lived) -> None:
    """A kernel publishes to whoever connects; so only its person may be able to connect."""
    kernels = [p for p in owned.processes(lived.hub.machine) if "ipykernel_launcher" in p.cmdline()]
    assert kernels
    for kernel in kernels:
        file = Path(kernel.cmdline()[-1])
        assert '"transport": "ipc"' in file.read_text()
        assert stat.S_IMODE(file.parent.stat().st_mode) & 0o077 == 0


def test_ports_of_services_can_not_be_taken_by_a_user(unix_hub: Deployment) -> None:
    def take(port: int) -> str:
        with socket.socket() as mine:
            try:
                mine.bind(("127.0.0.1", port))
            except OSError as error:
                return type(error).__name__
        return "taken"

    for port in unix_hub.machine.ports.values():
        assert become(NOBODY_OF_THE_HUB, take, port) == "PermissionError", port


def test_who_listens_on_a_port_is_known() -> None:
    """So a server whose port somebody else was faster to take is not given any visitors."""

    def listen() -> tuple[int | None, int | None]:
        with socket.socket() as mine:
            mine.bind(("127.0.0.1", 0))
            before = listeners.owner(mine.getsockname()[1])
            mine.listen()
            return before, listeners.owner(mine.getsockname()[1])

    assert become(NOBODY_OF_THE_HUB, listen) == (None, NOBODY_OF_THE_HUB.uid)


def test_a_fork_bomb_ends_at_a_limit(unix_hub: Deployment) -> None:
    ben = unix_hub.person("ben")
    ben.start()
    ben.enter()
    assert "(4096, 4096)" in ben.run("import resource as r; r.getrlimit(r.RLIMIT_NPROC)")
