"""Limits of memory and processors for the processes of one server.

As root the kernel holds the whole server to them with a control group (v2 or v1); where that
can't be, each process is bound on its own: a limit of its data and the processors it may use.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path("/sys/fs/cgroup")
CLUSTERS = "dask+"
"""How names of the groups of Dask clusters begin; no person's name can."""
_PERIOD = 100_000
MOST_PROCESSES = 4096
"""Of one Unix user, threads among them: room for any work, none for a fork bomb."""


def cpus_for(limit: float | None) -> set[int] | None:
    """Processors for a process that may use `limit` cores; None when it may use all."""
    if not limit or not hasattr(os, "sched_getaffinity"):
        return None
    present = sorted(os.sched_getaffinity(0))
    count = max(1, math.ceil(limit))
    if count >= len(present):
        return None
    return set(random.sample(present, count))


def bound(memory: int | None, cpus: set[int] | None) -> None:
    """Bind the calling process and what it starts."""
    if memory:
        _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
        if allowed != resource.RLIM_INFINITY:
            memory = min(memory, allowed)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)


def bound_processes() -> None:
    """Bind how many processes the Unix user that the calling process becomes may have."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NPROC)
    most = MOST_PROCESSES if allowed == resource.RLIM_INFINITY else min(MOST_PROCESSES, allowed)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def like(pid: int) -> Callable[[], None]:
    """What binds a new process as another one is: memory, processors, open files, processes."""
    limits: dict[int, tuple[int, int]] = {}
    cpus: set[int] = set()
    with contextlib.suppress(OSError, AttributeError):  # gone, or a system that can't tell
        for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
            limits[kind] = resource.prlimit(pid, kind)
        cpus = os.sched_getaffinity(pid)

    def bind() -> None:
        for kind, limit in limits.items():
            resource.setrlimit(kind, limit)
        if cpus:
            os.sched_setaffinity(0, cpus)

    return bind


class Cgroup:
    """A control group of one person's server, or of a scheduler or worker of Dask.

    It is called `qhub-DEPLOYMENT/NAME` in each hierarchy.
    """

    def __init__(self, folders: dict[str, Path], v2: bool) -> None:
        self._folders = folders
        self._v2 = v2

    @classmethod
    def of(cls, directory: str, user: str) -> Cgroup | None:
        """The group of a person in a deployment; None where there are no control groups."""
        name = cls.parent_name(directory)
        if (ROOT / "cgroup.controllers").exists():
            return cls({"": ROOT / name / user}, v2=True)
        kinds = [kind for kind in ("memory", "cpu") if (ROOT / kind / "tasks").exists()]
        if not kinds:
            return None
        return cls({kind: ROOT / kind / name / user for kind in kinds}, v2=False)

    @staticmethod
    def parent_name(directory: str) -> str:
        """Name of the group that holds all servers of a deployment."""
        return f"qhub-{hashlib.sha256(directory.encode()).hexdigest()[:12]}"

    def limit(self, profile: Mapping[str, Any]) -> bool:
        """Make the group and set its limits; says whether the kernel took them."""
        try:
            for folder in self._folders.values():
                if self._v2:
                    self._delegate(folder.parent)
                folder.mkdir(parents=True, exist_ok=True)
                for path in (folder.parent, folder):  # servers read here what was ended, and why
                    path.chmod(0o755)
            self._set_v2(profile) if self._v2 else self._set_v1(profile)
        except OSError:
            return False
        return self._v2 or "memory" in self._folders

    @staticmethod
    def _delegate(parent: Path) -> None:
        parent.mkdir(exist_ok=True)
        for folder in (ROOT, parent):
            (folder / "cgroup.subtree_control").write_text("+memory +cpu")

    def _set_v2(self, profile: Mapping[str, Any]) -> None:
        folder = self._folders[""]
        memory, cpu = profile.get("mem_limit"), profile.get("cpu_limit")
        quota = f"{int(cpu * _PERIOD)}" if cpu else "max"
        (folder / "memory.max").write_text(str(memory or "max"))
        (folder / "cpu.max").write_text(f"{quota} {_PERIOD}")
        with contextlib.suppress(OSError):
            (folder / "memory.swap.max").write_text("0")
            (folder / "memory.low").write_text(str(profile.get("mem_guarantee") or 0))
            weight = int(100 * (profile.get("cpu_guarantee") or 1))
            (folder / "cpu.weight").write_text(str(min(max(weight, 1), 10_000)))

    def _set_v1(self, profile: Mapping[str, Any]) -> None:
        memory, cpu = profile.get("mem_limit"), profile.get("cpu_limit")
        if folder := self._folders.get("memory"):
            (folder / "memory.limit_in_bytes").write_text(str(memory or -1))
            with contextlib.suppress(OSError):
                guarantee = profile.get("mem_guarantee") or -1
                (folder / "memory.soft_limit_in_bytes").write_text(str(guarantee))
        if folder := self._folders.get("cpu"):
            (folder / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (folder / "cpu.cfs_quota_us").write_text(str(int(cpu * _PERIOD) if cpu else -1))
            shares = int(1024 * (profile.get("cpu_guarantee") or 1))
            (folder / "cpu.shares").write_text(str(max(shares, 2)))

    def enter(self) -> None:
        """Put the calling process into the group."""
        for folder in self._folders.values():
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def memory_events(self) -> Path:
        """The file that counts what the kernel ended in the group for its memory (`oom_kill`)."""
        if self._v2:
            return self._folders[""] / "memory.events"
        return self._folders["memory"] / "memory.oom_control"

    def processes(self) -> set[int]:
        """Numbers of the processes in the group."""
        found: set[int] = set()
        for folder in self._folders.values():
            with contextlib.suppress(OSError):
                found |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
        return found

    def end(self, patience: float = 5.0) -> None:
        """Kill what is left in the group and remove it."""
        deadline = time.monotonic() + patience
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for folder in self._folders.values():
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove_all(directory: str, beginning: str = "") -> None:
    """Remove a deployment's control groups, or those whose names begin so.

    What still runs in them is killed.
    """
    name = Cgroup.parent_name(directory)
    for parent in (ROOT / name, ROOT / "memory" / name, ROOT / "cpu" / name):
        if parent.is_dir():
            for folder in [path for path in parent.glob(f"{beginning}*") if path.is_dir()]:
                Cgroup({"": folder}, v2=True).end()
            with contextlib.suppress(OSError):
                parent.rmdir()
