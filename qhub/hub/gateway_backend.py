"""Dask clusters as processes of this machine, each in the name of the person who asked for it."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dask_gateway_server.backends.local import LocalBackend, LocalClusterConfig
from traitlets import Dict, Unicode

from . import gateway_metrics, logs, monitoring
from .account import Account, deliver, end_sandboxes, start_time
from .limited_backend import LimitedBackend
from .limits import CLUSTERS, Cgroup

POLL_SECONDS = 0.05


class ProcessClusterConfig(LocalClusterConfig):
    """What a cluster was asked for with."""

    limits = Dict(help="memory and processors of a worker, as in its profile").tag(config=True)
    prefix = Unicode(help="folder of the environment that it runs in").tag(config=True)


class ProcessBackend(LimitedBackend, LocalBackend):
    """Starts schedulers and workers as the person's Unix user, else as who deployed.

    They outlive the gateway, which finds them again by their number and the time they started.
    """

    settings = Dict(help="users, groups and machine of the settings").tag(config=True)
    metrics_token = Unicode(help="who shows it may read metrics; empty: nobody").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    async def setup(self, app: Any) -> None:
        """Offer metrics beside the API, where that is wanted."""
        if self.metrics_token:
            show = gateway_metrics.handler(self, self.metrics_token)
            app.router.add_get(monitoring.GATEWAY_PATH, show)
        await super().setup(app)

    def account(self, name: str) -> Account:
        """Who a person's clusters run as; fails for somebody who is not in the settings."""
        return Account.of(name, self.settings)

    @property
    def unix(self) -> bool:
        """Whether each person is a Unix user."""
        return bool(self.settings["machine"]["unix"])

    def set_file_permissions(self, paths: Any, username: str) -> None:
        """Not used, and not to be: what calls it upstream takes a path apart into characters.

        So as root it gave `/` and `.` to whoever started a cluster.
        """
        raise NotImplementedError("owners are set while files are made")

    def setup_working_directory(self, cluster: Any) -> str:
        """A folder for the cluster's key and for what workers put aside, closed to others.

        It stays the deployment's own, so that nobody can put a link where root writes.
        """
        account = self.account(cluster.username)
        folder = Path(self.clusters_directory, cluster.name)
        if folder.exists():  # of a start that was cut off
            shutil.rmtree(folder)
        for part in (folder, folder / ".certs", folder / "scratch"):
            part.mkdir()
            part.chmod(0o711 if self.unix else 0o700)
        certificate, key = map(Path, self._get_tls_paths(str(folder)))
        for path, data in ((certificate, cluster.tls_cert), (key, cluster.tls_key)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                self._give(descriptor, account)
        (folder / "scratch").chmod(0o700)
        self._give(folder / "scratch", account)
        return str(folder)

    def _give(self, file: int | Path, account: Account) -> None:
        if self.unix:
            os.chown(file, account.uid, account.gid)

    def get_env(self, cluster: Any) -> dict[str, str]:
        """The person's environment, and what the cluster needs to find the gateway."""
        own = self.account(cluster.username).environment()
        return {
            **super().get_env(cluster),
            **own,
            "PATH": f"{cluster.config.prefix}/bin:{own['PATH']}",
            "QHUB_DASK": cluster.name,
            "CUDA_VISIBLE_DEVICES": "",
            "DASK_TEMPORARY_DIRECTORY": str(Path(cluster.state["workdir"], "scratch")),
        }

    def _cgroup(self, name: str) -> Cgroup | None:
        """Where the kernel holds a scheduler or worker to its limits; root only."""
        directory = self.settings["machine"]["directory"]
        return Cgroup.of(directory, CLUSTERS + name) if self.unix else None

    def _launch(
        self, cluster: Any, command: list[str], environment: dict[str, str], name: str
    ) -> dict[str, Any]:
        account, limits = self.account(cluster.username), dict(cluster.config.limits)
        cgroup = self._cgroup(name)
        enforced = cgroup is not None and cgroup.limit(limits)
        with account.log("dask") as log:
            process = subprocess.Popen(
                account.command(command, cluster.state["workdir"]),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=account.prepare(cgroup if enforced else None, limits),
            )
        self._children[process.pid] = process
        return {"pid": process.pid, "started": start_time(process.pid)}

    async def do_start_cluster(self, cluster: Any) -> AsyncIterator[dict[str, Any]]:
        """Make the cluster's folder and start its scheduler."""
        place = {"workdir": self.setup_working_directory(cluster)}
        yield place
        command, environment = self.get_scheduler_command(cluster), self.get_scheduler_env(cluster)
        yield place | self._launch(cluster, command, environment, cluster.name)

    async def do_stop_cluster(self, cluster: Any) -> None:
        """End the scheduler, and remove the folder."""
        await self._end(cluster.state, cluster.name)
        machine = self.settings["machine"]
        if machine["sandbox"]:
            place = machine["directory"]
            await asyncio.to_thread(end_sandboxes, place, cluster.username, cluster.name)
        folder = Path(self.clusters_directory, cluster.name)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def get_worker_command(
        self, cluster: Any, worker_name: str, scheduler_address: Any = None
    ) -> list[str]:
        """Upstream's, which leaves workers listening on every address of the machine."""
        command = super().get_worker_command(cluster, worker_name, scheduler_address)
        return [*command, "--host", self.default_host]

    async def do_start_worker(self, worker: Any) -> AsyncIterator[dict[str, Any]]:
        """Start a worker."""
        command = self.get_worker_command(worker.cluster, worker.name)
        environment = self.get_worker_env(worker.cluster)
        yield self._launch(worker.cluster, command, environment, worker.name)

    async def do_stop_worker(self, worker: Any) -> None:
        """End a worker and what it started."""
        await self._end(worker.state, worker.name)

    def _check_status(self, o: Any) -> bool:
        person = getattr(o, "cluster", o).username
        logs.rotate(logs.of_person(self.settings["machine"]["directory"], "dask", person))
        return self._runs(o.state)

    def _runs(self, state: Any) -> bool:
        """Whether a process is there; after a reboot its number may be somebody else's."""
        pid = state.get("pid")
        if pid is None:
            return False
        child = self._children.get(pid)
        if child is not None and child.poll() is not None:
            return False
        return start_time(pid) == state.get("started")

    async def _end(self, state: Any, name: str) -> None:
        for number, patience in (
            (signal.SIGINT, self.sigint_timeout),
            (signal.SIGTERM, self.sigterm_timeout),
            (signal.SIGKILL, self.sigkill_timeout),
        ):
            if not self._runs(state):
                break
            with contextlib.suppress(ProcessLookupError):
                deliver(state["pid"], number)
            await self._ended(state, patience)
        self._children.pop(state.get("pid"), None)
        cgroup = self._cgroup(name)
        if cgroup is not None:
            await asyncio.to_thread(cgroup.end)

    async def _ended(self, state: Any, patience: float) -> None:
        deadline = asyncio.get_running_loop().time() + patience
        while self._runs(state) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
