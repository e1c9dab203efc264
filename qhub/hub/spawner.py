"""A server a person as a process of this machine, within the limits of the profile they chose."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import random_port
from tornado.web import HTTPError
from traitlets import Any as AnyTrait
from traitlets import Dict, Unicode, default

from .kernels import jupyter_path
from .limits import Cgroup, bound, cpus_for
from .profiles import ProfileError, Profiles

READY_POLL_SECONDS = 0.05
_OLD_LOG_BYTES = 10_000_000


class ProcessSpawner(LocalProcessSpawner):
    """Starts a person's server: as their Unix user where they have one, else as the hub's."""

    people = Dict(help="the users of the settings").tag(config=True)
    gids = Dict(help="gid of each group").tag(config=True)
    directory = Unicode(help="folder of the deployment").tag(config=True)
    python = Unicode(help="interpreter of people's environment").tag(config=True)
    unix = AnyTrait(False, help="whether each person is a Unix user").tag(config=True)
    profiles: Profiles
    profile: dict[str, Any]
    user_options: dict[str, Any]
    started = Unicode(help="when the process was started; tells it from a later one's number")

    @default("options_form")
    def _options_form_default(self) -> Any:
        return lambda spawner: spawner.profiles.form(
            spawner.user.name, spawner.user_options.get("profile")
        )

    def options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """The profile that was chosen on the page, if this person may use it."""
        name, _ = self.profiles.choose(self.user.name, form_data.get("profile", [None])[0])
        return {"profile": name}

    @property
    def account(self) -> str:
        return f"qhub-{self.user.name}" if self.unix else self.user.name

    @property
    def home(self) -> Path:
        return Path(self.directory, "homes", self.user.name)

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """The environment of the person's server: theirs, nothing of the hub's."""
        env |= {
            "USER": self.account,
            "LOGNAME": self.account,
            "HOME": str(self.home),
            "SHELL": "/bin/bash",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": f"{Path(self.python).parent}:{self.directory}/bin:/usr/local/bin:/usr/bin:/bin",
            "JUPYTER_RUNTIME_DIR": str(Path(self.directory, "run", self.user.name)),
            "JUPYTER_PATH": jupyter_path(self.directory, self.people[self.user.name]["groups"]),
            "QHUB_DEPLOYMENT": self.directory,
            "QHUB_SERVER": self.user.name,
        }
        return env

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Any:
        return lambda spawner, options: spawner.apply_profile(options)

    def apply_profile(self, options: dict[str, Any]) -> None:
        """Check the profile asked for, from the page or the API, and take over its limits."""
        try:
            name, profile = self.profiles.choose(self.user.name, options.get("profile"))
        except ProfileError as error:
            self.orm_spawner.user_options = {}  # else the next start would ask for it again
            raise HTTPError(400, str(error)) from error
        self.user_options = {"profile": name}
        self.profile = dict(profile)
        self.cpu_limit = profile.get("cpu_limit")
        self.cpu_guarantee = profile.get("cpu_guarantee")
        self.mem_limit = profile.get("mem_limit")
        self.mem_guarantee = profile.get("mem_guarantee")
        cards = ",".join(map(str, range(profile.get("gpus", 0))))
        self.environment = {**profile.get("environment", {}), "CUDA_VISIBLE_DEVICES": cards}

    def _cgroup(self) -> Cgroup | None:
        """Where the kernel holds all processes of this server to their limits; root only."""
        return Cgroup.of(self.directory, self.user.name) if self.unix else None

    async def start(self) -> tuple[str, int]:
        """Start the server and return its address as soon as it answers."""
        profile = self.profile
        self.port = random_port()
        command = [*self.cmd, *self.get_args()]
        cgroup = self._cgroup()
        enforced = cgroup is not None and cgroup.limit(profile)
        prepare = self._prepare(cgroup if enforced else None, profile)
        with self._log() as log:
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

    def _log(self) -> Any:
        """The server's own log: one that inherits the hub's output hangs when the hub restarts."""
        path = Path(self.directory, "logs", "servers", f"{self.user.name}.log")
        too_big = path.exists() and path.stat().st_size > _OLD_LOG_BYTES
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if too_big else os.O_APPEND), 0o600
        )
        return os.fdopen(descriptor, "ab")

    def _prepare(self, cgroup: Cgroup | None, profile: dict[str, Any]) -> Any:
        """What the new process does before it becomes the server."""
        person = self.people[self.user.name]
        groups = {name: self.gids[name] for name in person["groups"]}
        gid = self.gids[person["primary_group"]]
        home, shared, unix, uid = (
            self.home,
            Path(self.directory, "shared"),
            self.unix,
            person["uid"],
        )
        cpus = cpus_for(profile.get("cpu_limit"))

        def prepare() -> None:
            if cgroup is not None:
                cgroup.enter()
            else:
                bound(profile.get("mem_limit"), cpus)
            if unix:
                os.setgroups(sorted(groups.values()))
                os.setgid(gid)
                os.setuid(uid)
            os.umask(0o007)
            os.chdir(home)
            link_shared(home, shared, list(groups))

        return prepare

    async def _answering(self) -> None:
        """Wait for the port: the hub's own wait grows to seconds between two looks."""
        deadline = asyncio.get_running_loop().time() + self.start_timeout
        while asyncio.get_running_loop().time() < deadline:
            if await self.poll() is not None:
                return
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(READY_POLL_SECONDS)
            else:
                writer.close()
                return

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
        return bool(await super()._signal(sig))

    async def stop(self, now: bool = False) -> None:
        """End the server and everything that was started in it."""
        if not now and await self.poll() is None:
            await self._signal(signal.SIGTERM)
            await self.wait_for_death(self.term_timeout)
        await super().stop(now=True)
        cgroup = self._cgroup()
        if cgroup is not None:
            await asyncio.to_thread(cgroup.end)


def start_time(pid: int) -> str:
    """When a process started, as the system writes it; empty when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]  # dead, and nobody has asked for its exit code


def link_shared(home: Path, shared: Path, groups: list[str]) -> None:
    """Links to the folders of one's groups in `~/shared`, made as the person themselves."""
    folder = home / "shared"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for link in folder.iterdir():
            if link.is_symlink() and link.name not in groups:
                link.unlink()
        for name in groups:
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(shared / name)
    except OSError:
        pass  # a person may have something else there; their server starts all the same
