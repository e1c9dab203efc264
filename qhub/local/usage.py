"""Memory and processor time of a deployment's programs and people, from one look at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qhub.local import owned, system
from qhub.local.facts import Machine


@dataclass(frozen=True)
class Usage:
    """What some processes take together; `pid` and `started` are those of the oldest.

    Memory is what each has in it, so that what two share counts twice. `started` is seconds
    since 1970.
    """

    pid: int
    started: float
    memory_bytes: int
    cpu_seconds: float

    def __add__(self, other: Usage) -> Usage:
        oldest = min(self, other, key=lambda usage: (usage.started, usage.pid))
        return Usage(
            oldest.pid,
            oldest.started,
            self.memory_bytes + other.memory_bytes,
            self.cpu_seconds + other.cpu_seconds,
        )


def measure(machine: Machine) -> tuple[dict[int, Usage], dict[str, Usage]]:
    """What each program takes, by its process group; and each person, with their Dask clusters."""
    programs: dict[int, Usage] = {}
    people: dict[str, Usage] = {}
    for person, group, usage in _processes(machine):
        if person:
            people[person] = people[person] + usage if person in people else usage
        else:
            programs[group] = programs[group] + usage if group in programs else usage
    return programs, people


def _processes(machine: Machine) -> Iterator[tuple[str | None, int, Usage]]:
    for process in owned.processes(machine):
        person = system.environment(process).get(owned.SERVER_VARIABLE)
        found = system.measured(process)
        if found:
            yield person, found.group, Usage(process.pid, *found[1:])
