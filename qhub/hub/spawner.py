"""A server a person as a process of this machine, within the limits of the profile they chose."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import random_port
from traitlets import Dict, Unicode

from . import listeners, logs
from .account import Account, deliver, end_sandboxes, start_time
from .choice import ProfileChoice
from .limits import Cgroup
from .membership import Membership
from .profiles import Profile, told

READY_POLL_SECONDS = 0.05
READY_POLL_SHARE = 0.05
"""Between two looks at a server that starts passes this part of the time it has taken so far: a
class that starts at once takes long, and would keep the hub busy with looking."""

LONGEST_SOCKET = 103
"""Bytes of a Unix socket's path that every system takes."""


def kernel_arguments(folder: Path) -> list[str]:
    """How a server talks to its kernels: over sockets in its person's own folder.

    What a kernel prints to a TCP port, every user of the machine can read. Where the path would
    get too long, ports have to do, encrypted for all kernels that can.
    """
    longest = folder / f"kernel-{uuid.UUID(int=0)}-ipc-5"
    if len(os.fsencode(longest)) <= LONGEST_SOCKET:
        return ["--KernelManager.transport=ipc"]
    return ["--KernelManager.transport_encryption=auto"]


class StartError(Exception):
    """A server that did not start, with what its person is to know."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.jupyterhub_message = message


class ProcessSpawner(ProfileChoice, LocalProcessSpawner):
    """Starts a person's server: as their Unix user where they have one, else as the hub's."""

    membership: Membership
    settings = Dict(help="users, groups and machine of the settings").tag(config=True)
    services = Dict(help="how to find the services of the hub").tag(config=True)
    started = Unicode(help="when the process was started; tells it from a later one's number")

    @property
    def account(self) -> Account:
        """What the server runs as."""
        name = self.user.name
        return Account.of(name, self.membership.applied(name, self.settings))

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """The environment of the person's server: theirs, nothing of the hub's."""
        return {**self.services, **env, **self._told(), **self.account.environment()}

    def _told(self) -> dict[str, str]:
        """What the server can tell a person whose kernel was ended for its memory."""
        cgroup = self._cgroup()
        return told(self.profile, str(cgroup.memory_events()) if cgroup else "")

    def take_profile(self, profile: Profile) -> None:
        """Take over the limits of a profile."""
        super().take_profile(profile)
        cards = ",".join(map(str, range(profile.get("gpus", 0))))
        self.environment = {**profile.get("environment", {}), "CUDA_VISIBLE_DEVICES": cards}

    def _cgroup(self) -> Cgroup | None:
        """Where the kernel holds all processes of this server to their limits; root only."""
        machine = self.settings["machine"]
        return Cgroup.of(machine["directory"], self.user.name) if machine["unix"] else None

    async def start(self) -> tuple[str, int]:
        """Start the server and return its address as soon as it answers."""
        profile = self.profile
        self.port = random_port()
        account = self.account
        program = [*self.cmd, *self.get_args(), *kernel_arguments(account.runtime)]
        command = account.command(program)
        cgroup = self._cgroup()
        enforced = cgroup is not None and cgroup.limit(profile)
        prepare = account.prepare(cgroup if enforced else None, profile)
        with account.log("servers") as log:
            self.proc = subprocess.Popen(
                command,
                env=self.get_env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=prepare,
            )
        self.pid = self.proc.pid
        self.started = start_time(self.pid)
        await self._answering()
        return "127.0.0.1", self.port

    async def _answering(self) -> None:
        """Wait for the port: the hub's own wait grows to seconds between two looks.

        Raises:
            StartError: the server ended, or the port is somebody else's.
        """
        began = time.monotonic()
        while await self.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                passed = time.monotonic() - began
                await asyncio.sleep(max(READY_POLL_SECONDS, READY_POLL_SHARE * passed))
            else:
                writer.close()
                break
        else:
            raise StartError("The server ended as soon as it was started; its log says why.")
        # Another user of the machine may have been faster, and would get this one's visitors.
        if self.settings["machine"]["unix"] and listeners.owner(self.port) not in (
            None,
            self.account.uid,
        ):
            raise StartError("Another user of this machine took the server's port. Start again.")

    async def poll(self) -> Any:
        """Whether the server runs; asked again and again, so its log is looked at, too."""
        logs.rotate(
            logs.of_person(self.settings["machine"]["directory"], "servers", self.user.name)
        )
        return await super().poll()

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.started = state.get("started", "")

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        if self.pid:
            state["started"] = self.started
        return state

    async def _signal(self, sig: int) -> bool:
        """Signal the server; after a reboot its number may be somebody else's, who is spared."""
        if self.started and start_time(self.pid) != self.started:
            return False
        try:
            deliver(self.pid, sig)
        except ProcessLookupError:
            return False
        return True

    async def stop(self, now: bool = False) -> None:
        """End the server and everything that was started in it."""
        if not now and await self.poll() is None:
            await self._signal(signal.SIGTERM)
            await self.wait_for_death(self.term_timeout)
        await super().stop(now=True)
        cgroup = self._cgroup()
        if cgroup is not None:
            await asyncio.to_thread(cgroup.end)
        machine = self.settings["machine"]
        if machine["sandbox"]:
            await asyncio.to_thread(end_sandboxes, machine["directory"], self.user.name)
