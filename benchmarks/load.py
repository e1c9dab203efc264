"""A class that comes at once: 30 people log in, start a server each and run a cell.

Against a JupyterHub made by hand from the same environments, with the same proxy (Traefik) and
the same passwords and single-user servers, started by JupyterHub's own SimpleLocalProcessSpawner,
which sets no limits and runs all as one user; ours does both. All of ours have to get a result; how
many of those by hand do not is told. On either side one person comes before the others, so that
neither pays for files that nobody has read yet.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import argon2
import psutil

from benchmarks.local import QHUB, process, quiet, scratch, wait_for
from benchmarks.result import Result, seconds
from qhub.local import owned
from qhub.local.facts import Machine
from tests.local.browser import Person
from tests.local.deployment import free_port

PEOPLE = int(os.environ.get("QHUB_BENCHMARK_PEOPLE", "30"))
PATIENCE = 900.0
PASSWORD = "at once"  # noqa: S105
HASHED = argon2.PasswordHasher().hash(PASSWORD)
EARLY = "early"
"""Who comes before the others."""


@dataclass(frozen=True)
class Rush:
    """What it took: seconds until the last had a result, of each person, and memory in GB.

    `failed` says why for each who has none.
    """

    total: float
    each: list[float]
    memory: float
    failed: list[str]

    @property
    def note(self) -> str:
        half, most = statistics.median(self.each), statistics.quantiles(self.each, n=20)[-1]
        some = f", {len(self.failed)} NEVER ({self.failed[0]})" if self.failed else ""
        return (
            f"half of them after {half:.1f} s, 95% after {most:.1f} s{some}, {self.memory:.2f} GB"
        )


def names() -> list[str]:
    return [f"pupil{number}" for number in range(PEOPLE)]


def run() -> Iterator[Result]:
    """One after the other, on the same machine; leaves nothing."""
    with scratch() as folder:
        deployment = Deployment(folder)
        try:
            deployment.up()
            machine = deployment.machine
            ours = rush(machine.url, lambda: list(owned.processes(machine)))
            assert not ours.failed, ours.failed
            deployment.end_servers()
            theirs = by_hand(machine)
        finally:
            deployment.down()
    title = f"{PEOPLE} people at once until all have a result / by hand"
    note = f"ours: {ours.note}; by hand: {theirs.note}"
    yield Result(title, ours.total, theirs.total, 1.1, note)
    yield Result("  until half of them have it", *_halves(ours, theirs), 1.0)
    yield Result("  memory with all servers up", ours.memory, theirs.memory, 1.1, unit="GB")


def _halves(ours: Rush, theirs: Rush) -> tuple[float, float]:
    return statistics.median(ours.each), statistics.median(theirs.each)


def rush(url: str, processes: Callable[[], list[psutil.Process]]) -> Rush:
    """Everybody at once."""
    one(url, EARLY)
    with ThreadPoolExecutor(PEOPLE) as pool:
        waiting = [pool.submit(one, url, name) for name in names()]
        total = seconds(lambda: wait(waiting))
    failed = [repr(error) for one in waiting if (error := one.exception())]
    each = [one.result() for one in waiting if not one.exception()]
    return Rush(total, each, _memory(processes()), failed)


def one(url: str, name: str) -> float:
    """From the login page to the result of a cell; returns the seconds."""

    def work() -> None:
        person = Person(url, PATIENCE)
        assert person.login(name, PASSWORD), (name, person.status)
        person.start_and_watch()
        person.enter()
        kernel = person.kernel()
        assert kernel.run("1 + 1", PATIENCE) == "2", name
        kernel.socket.close()

    return seconds(work)


def _memory(processes: list[psutil.Process]) -> float:
    """GB of processes, with what several share counted once."""
    total = 0
    for found in processes:
        try:
            total += found.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1024**3


class Deployment:
    """A local deployment with the people of the class."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "qhub-config.yaml"
        people = "\n".join(
            f"    {name}: {{uid: {36300 + number}, primary_group: class, password: '{HASHED}'}}"
            for number, name in enumerate([*names(), EARLY])
        )
        self.config.write_text(
            f"project_name: qsecload\nprovider: local\nlocal:\n  port: {free_port()}\n"
            "security:\n  groups:\n    class: {gid: 36299}\n"
            f"  users:\n{people}\n"
            "profiles:\n  jupyterlab:\n    - display_name: Small\n"
            "      kubespawner_override: {cpu_limit: 1, mem_limit: 1G}\n"
        )

    @property
    def machine(self) -> Machine:
        machine = Machine.load(self.root / ".qhub" / "machine.json")
        assert machine is not None
        return machine

    def up(self) -> None:
        quiet([QHUB, "deploy", "--yes", "-c", self.config])

    def down(self) -> None:
        quiet([QHUB, "destroy", "--yes", "-c", self.config])

    def end_servers(self) -> None:
        """So that the other side has the machine for itself."""
        for _, server in list(owned.servers(self.machine)):
            server.kill()


BY_HAND = """
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from jupyterhub.auth import Authenticator

class Passwords(Authenticator):
    async def authenticate(self, handler, data):
        Argon2id.verify_phc_encoded(data["password"].encode(), HASHED)
        return data["username"]

c.JupyterHub.authenticator_class = Passwords
c.Authenticator.allow_all = True
c.JupyterHub.proxy_class = "traefik_file"
c.JupyterHub.spawner_class = "simple"
c.Spawner.args = ["--ServerApp.allow_root=True"]
c.Spawner.default_url = "/lab"
"""


def by_hand(machine: Machine) -> Rush:
    """The same with a JupyterHub of a few lines."""
    with scratch() as folder:
        folder.chmod(0o755)
        port, inner, api = free_port(), free_port(), free_port()
        url = f"http://127.0.0.1:{port}"
        python = machine.interpreter("user")
        (folder / "jupyterhub_config.py").write_text(
            f"HASHED = {HASHED!r}\n{BY_HAND}"
            f"c.JupyterHub.bind_url = '{url}'\n"
            f"c.JupyterHub.hub_bind_url = 'http://127.0.0.1:{inner}'\n"
            f"c.TraefikProxy.traefik_api_url = 'http://127.0.0.1:{api}'\n"
            f"c.Spawner.cmd = ['{python}', '-m', 'jupyterhub.singleuser']\n"
            f"c.Spawner.start_timeout = c.Spawner.http_timeout = {PATIENCE:.0f}\n"
            f"c.SimpleLocalProcessSpawner.home_dir_template = '{folder}/homes/{{username}}'\n"
        )
        command = [machine.interpreter("hub"), "-m", "jupyterhub"]
        with process(command, folder, machine.environment("hub") / "bin") as hub:
            wait_for(f"{url}/hub/health")
            try:
                return rush(url, lambda: _tree(hub))
            finally:
                for child in _tree(hub)[1:]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()


def _tree(hub: subprocess.Popen[bytes]) -> list[psutil.Process]:
    top = psutil.Process(hub.pid)
    return [top, *top.children(recursive=True)]
