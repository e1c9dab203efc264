"""Processes, ports and memory of this machine: the one door to psutil, which loads slowly."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from psutil import Process as Process
else:
    Process = Any

ATTEMPTS = 10


def processes() -> Iterator[Process]:
    """Every process, but for the one that asks and those that started it."""
    import psutil

    me = psutil.Process(os.getpid())
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    for process in psutil.process_iter():
        if process.pid not in spared:
            yield process


def environment(process: Process) -> dict[str, str]:
    """What a process was started with; empty when it is gone or hidden from who asks."""
    import psutil

    try:
        return dict(process.environ())
    except (psutil.Error, OSError):
        return {}


def environment_of(pid: int) -> dict[str, str]:
    """The same by number; empty when there is no such process."""
    import psutil

    try:
        return environment(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return {}


@dataclass(frozen=True)
class Identity:
    """As whom a process runs; `groups` are its own and all supplementary ones."""

    uid: int
    groups: frozenset[int]


def identity_of(pid: int) -> Identity | None:
    """As whom a process runs; None when it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        uid, groups = process.uids().real, {process.gids().real}
    except psutil.Error:
        return None
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:  # only Linux has it
        status = ""
    for line in status.splitlines():
        if line.startswith("Groups:"):
            groups |= {int(gid) for gid in line.split()[1:]}
    return Identity(uid, frozenset(groups))


def command(pid: int) -> list[str]:
    """What a process was started as; empty when it is gone."""
    import psutil

    try:
        return list(psutil.Process(pid).cmdline())
    except psutil.Error:
        return []


def is_contained(pid: int) -> bool:
    """Whether a process sees only processes of a namespace of its own."""
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
    except OSError:  # it is gone
        return True


def of_user(uid: int) -> Iterator[Process]:
    """Every process of a Unix user."""
    import psutil

    for process in processes():
        try:
            if uid in process.uids():
                yield process
        except psutil.Error:
            continue


def running_from(folder: str) -> bool:
    """Whether a process has a file under this folder on its command line."""
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if any(part.startswith(f"{folder}/") for part in process.info["cmdline"] or ()):
            return True
    return False


def describe(pid: int | None) -> str:
    """A process in words: `python3 (process 123 of alice)`."""
    import psutil

    if pid is None:
        return "another program"
    try:
        process = psutil.Process(pid)
        return f"{process.name()} (process {pid} of {process.username()})"
    except psutil.Error:
        return f"process {pid}"


class Measured(NamedTuple):
    """What a process takes; `started` is seconds since 1970, `group` its process group."""

    group: int
    started: float
    memory_bytes: int
    cpu_seconds: float


def measured(process: Process) -> Measured | None:
    """What a process takes now; None when it is gone."""
    import psutil

    try:
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info()
            started = process.create_time()
        return Measured(os.getpgid(process.pid), started, memory.rss, times.user + times.system)
    except (psutil.Error, OSError):
        return None


def listener(port: int) -> int | None:
    """Process id of who listens on a port; None when nobody does or the system won't tell."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS tells only root
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return int(connection.pid) if connection.pid else None
    return None


def memory() -> int:
    """Memory of this machine, in bytes."""
    import psutil

    return int(psutil.virtual_memory().total)


def mounts_below(folder: Path) -> list[Path]:
    """File systems that are mounted somewhere in this folder."""
    import psutil

    points = [Path(partition.mountpoint) for partition in psutil.disk_partitions(all=True)]
    return [point for point in points if folder in point.parents]


def end(find: Callable[[], Iterator[Process]], patience: float = 5.0) -> int:
    """Ask processes to end, then make them, until `find` finds none. Returns how many there were.

    They are looked for again and again, since one that dies can still have started another.
    """
    import psutil

    ended: set[int] = set()
    for attempt in range(ATTEMPTS):
        alive = list(find())
        if not alive:
            break
        for process in alive:
            ended.add(process.pid)
            try:
                process.terminate() if attempt == 0 else process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(alive, timeout=patience)
    return len(ended)
