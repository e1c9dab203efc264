"""What a person's processes run as: their Unix user where they have one, else who deployed.

Their notebook server and their Dask clusters start by it, so that both have the same home, groups
and kind of limits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from . import logs, namespaces, shared_place, shares, video_chat
from .kernels import jupyter_path
from .limits import Cgroup, bound, bound_processes, cpus_for

LOGIN_SHELL = ("/bin/bash", "-lc", 'PATH="$QHUB_PATH:$PATH" exec "$SHELL"')
"""A shell to work in. What the system does at a login makes a PATH of its own, without ours."""


TEMPORARY = ("/var/tmp", "/run")  # noqa: S108
"""Folders of a sandbox that are empty at its start; what comes into them goes with it."""


@dataclass(frozen=True)
class Account:
    """A person on this machine.

    Args:
        name: the person's name at the hub.
        uid: number of their Unix user.
        gid: number of their primary group.
        gids: number of each of their groups.
        folders: the shared folders that they may read, with whether they may write there.
        directory: folder of the deployment.
        python: interpreter of people's environment.
        unix: whether each person is a Unix user.
        sandbox: the command of a sandbox without what is the person's; empty for none.
        namespaces: those of conda-store that they see.
    """

    name: str
    uid: int
    gid: int
    gids: Mapping[str, int]
    folders: Mapping[str, bool]
    directory: str
    python: str
    unix: bool
    sandbox: Sequence[str] = ()
    namespaces: Sequence[str] = ()

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> Account:
        """The account of somebody of the settings.

        Args:
            name: the person's name at the hub.
            settings: `users`, `groups` and `machine`, as the hub and the gateway are given them.

        Raises:
            KeyError: there is nobody of that name.
        """
        person, groups, machine = settings["users"][name], settings["groups"], settings["machine"]
        everybodys = machine.get("conda_store")
        return cls(
            name=name,
            uid=person["uid"],
            gid=groups[person["primary_group"]]["gid"],
            gids={group: groups[group]["gid"] for group in person["groups"]},
            folders=shares.open_to(person["groups"], groups),
            directory=machine["directory"],
            python=machine["user_python"],
            unix=machine["unix"],
            sandbox=machine["sandbox"],
            namespaces=namespaces.of_person(name, person["groups"], groups, everybodys)
            if everybodys
            else (),
        )

    @property
    def unix_name(self) -> str:
        return f"qhub-{self.name}" if self.unix else self.name

    @property
    def home(self) -> Path:
        return Path(self.directory, "homes", self.name)

    @property
    def runtime(self) -> Path:
        """For the sockets and keys of their kernels."""
        return Path(self.directory, "run", self.name)

    def environment(self) -> dict[str, str]:
        """What their processes are told: theirs, nothing of the service that starts them."""
        built = [str(namespaces.jupyter(self.directory, name)) for name in self.namespaces]
        kernels = ":".join([jupyter_path(self.directory, self.gids), *built])
        rooms = video_chat.rooms(self.directory, self.name)
        programs = f"{Path(self.python).parent}:{self.directory}/bin"
        return {
            "USER": self.unix_name,
            "LOGNAME": self.unix_name,
            "HOME": str(self.home),
            "SHELL": "/bin/bash",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
            "QHUB_PATH": programs,
            "JUPYTER_PATH": f"{kernels}:{video_chat.panel(self.directory)}",
            "JUPYTER_CONFIG_PATH": f"{self.directory}/jupyter:{rooms}",
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "QHUB_DEPLOYMENT": self.directory,
            "QHUB_SERVER": self.name,
        }

    def command(self, program: Sequence[str], *more: str | Path) -> list[str]:
        """A command, within the person's sandbox where there are sandboxes.

        Args:
            program: what to run, with its arguments.
            more: further folders that it needs, beside the person's own and the shared ones.
        """
        if not self.sandbox:
            return list(program)
        shared = Path(self.directory, "shared")
        folders = {shared / name: writable for name, writable in self.folders.items()}
        folders[video_chat.rooms(self.directory, self.name)] = False
        for name in self.namespaces:
            folders[namespaces.folder(self.directory, name)] = False
        folders |= dict.fromkeys((self.home, self.runtime, *map(Path, more)), True)
        # Everything else may lie in /tmp, so that comes first.
        command = [self.sandbox[0], "--bind", str(self.runtime / "tmp"), "/tmp", *self.sandbox[1:]]  # noqa: S108
        for path, writable in folders.items():
            command += ["--bind-try" if writable else "--ro-bind-try", str(path), str(path)]
        # Between all these folders nothing can be written: it would be lost with the sandbox.
        hidden = (path for flag, path in pairwise(self.sandbox) if flag == "--tmpfs")
        for place in sorted({"/", *hidden} - {*TEMPORARY}):
            command += ["--remount-ro", place]
        return [*command, "--chdir", str(self.home), "--", *program]

    def log(self, kind: str) -> IO[bytes]:
        """A log of their own: what inherits the output of a service hangs when that restarts."""
        path = logs.of_person(self.directory, kind, self.name)
        logs.rotate(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "ab")

    def prepare(self, cgroup: Cgroup | None, profile: Mapping[str, Any]) -> Callable[[], None]:
        """What a new process does before it becomes the person's program."""
        cpus = cpus_for(profile.get("cpu_limit"))
        shared = Path(self.directory, "shared")

        def prepare() -> None:
            if cgroup is not None:
                cgroup.enter()
            else:
                bound(profile.get("mem_limit"), cpus)
            if self.unix:
                shared_place.enter(self.directory)
                bound_processes()
                os.setgroups(sorted(self.gids.values()))
                os.setgid(self.gid)
                os.setuid(self.uid)
            os.umask(0o007)
            os.chdir(self.home)
            link_shared(self.home, shared, list(self.folders))

        return prepare


def start_time(pid: int) -> str:
    """When a process started, as the system writes it; empty when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return ""
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]  # dead, and nobody has asked for its exit code


def link_shared(home: Path, shared: Path, groups: Sequence[str]) -> None:
    """Links in `~/shared` to the folders that one may read, made as the person themselves."""
    folder = home / "shared"
    with contextlib.suppress(OSError):  # a person may have something else there
        folder.mkdir(mode=0o700, exist_ok=True)
        # Not through a link of theirs: where all run as one user it could lead to another's home.
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            there = {entry.name for entry in os.scandir(place) if entry.is_symlink()}
            for name in there - {*groups}:
                os.unlink(name, dir_fd=place)
            for name in {*groups} - there:
                os.symlink(shared / name, name, dir_fd=place)
        finally:
            os.close(place)


def deliver(pid: int, number: int) -> None:
    """Signal a person's program by the process that was started: a sandbox passes nothing on.

    Raises:
        ProcessLookupError: there is no such process.
    """
    [first, *_] = (_sandboxed(pid) if number == signal.SIGKILL else _program(pid)) or [pid]
    os.kill(first, number)


def end_sandboxes(directory: str, name: str, cluster: str = "") -> None:
    """Kill what still runs in a person's sandboxes: in those of a Dask cluster, or all others.

    What was left behind in a sandbox keeps it; its first process takes everything along.
    """
    marks = {"QHUB_DEPLOYMENT": directory, "QHUB_SERVER": name, "QHUB_DASK": cluster}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or somebody else's
            pairs = (process / "environ").read_bytes().split(b"\0")
            found = dict(os.fsdecode(pair).partition("=")[::2] for pair in pairs)
            same = all(found.get(key, "") == value for key, value in marks.items())
            if same and _is_sandbox(process):
                os.kill(int(process.name), signal.SIGKILL)


def _program(pid: int) -> list[int]:
    return [child for first in _sandboxed(pid) for child in _children(first)]


def _sandboxed(pid: int) -> list[int]:
    """The first process of a sandbox, with which all of it ends; none where there is no sandbox."""
    return _children(pid) if _is_sandbox(Path("/proc", str(pid))) else []


def _is_sandbox(process: Path) -> bool:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace") == "bwrap\n"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    """What a process started and what was left to it, the oldest first."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append((int(fields[19]), int(file.parent.name)))
    return [number for _, number in sorted(found)]
