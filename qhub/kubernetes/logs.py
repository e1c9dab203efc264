"""The logs of a namespace, by the names that people know its pods by."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.pods import listed, title

LOOK_SECONDS = 2.0
"""How often a followed log looks for new pods."""


@dataclass(frozen=True)
class _Source:
    """The log of one container, since its last start."""

    path: str
    pod: str
    container: str
    start: str
    restarts: int

    def lines(self, cluster: Cluster, **query: str | int) -> Iterator[str]:
        with suppress(ClusterError):  # gone meanwhile
            yield from cluster.lines(self.path, container=self.container, **query)


def names(cluster: Cluster, namespace: str) -> dict[str, list[str]]:
    """What has logs, each with its pods."""
    found: dict[str, list[str]] = {}
    for pod in sorted(listed(cluster, namespace), key=title):
        found.setdefault(title(pod), []).append(pod["metadata"]["name"])
    return found


def tail(cluster: Cluster, namespace: str, name: str, count: int, *, follow: bool) -> Iterator[str]:
    """The last lines of what has that name and, with `follow`, those that come, also of new pods.

    Where there are several pods or containers, each line begins with whose it is.
    """
    sources = list(_sources(cluster, namespace, name))
    if follow:
        yield from _followed(cluster, namespace, name, count)
        return
    for source in sources:
        found = list(source.lines(cluster, tailLines=count))
        if not found and source.restarts:  # it has only just come back: why it went says more
            found = list(source.lines(cluster, tailLines=count, previous="true"))
        for line in found:
            yield _named(source, line, many=len(sources) > 1)


def _sources(cluster: Cluster, namespace: str, name: str) -> Iterator[_Source]:
    """The containers of that name's pods that were started."""
    for pod in listed(cluster, namespace):
        if title(pod) != name:
            continue
        for one in pod["status"].get("containerStatuses") or ():
            if "containerID" in one:
                yield _Source(
                    path=f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/log",
                    pod=pod["metadata"]["name"],
                    container=one["name"],
                    start=one["containerID"],
                    restarts=one["restartCount"],
                )


def _followed(cluster: Cluster, namespace: str, name: str, count: int) -> Iterator[str]:
    """Lines of all sources as they come; a new pod, or a new start, from its beginning on."""
    told: queue.Queue[tuple[_Source, str]] = queue.Queue()
    seen: set[_Source] = set()

    def read(source: _Source, query: dict[str, str | int]) -> None:
        for line in source.lines(cluster, follow="true", **query):
            told.put((source, line))

    looked, first = 0.0, True
    while True:
        if time.monotonic() - looked > LOOK_SECONDS:
            for source in set(_sources(cluster, namespace, name)) - seen:
                seen.add(source)
                query: dict[str, str | int] = {"tailLines": count} if first else {}
                threading.Thread(target=read, args=(source, query), daemon=True).start()
            looked, first = time.monotonic(), False
        with suppress(queue.Empty):
            source, line = told.get(timeout=LOOK_SECONDS / 4)
            many = len({(one.pod, one.container) for one in seen}) > 1
            yield _named(source, line, many=many)


def _named(source: _Source, line: str, *, many: bool) -> str:
    return f"{source.pod} {source.container}: {line}" if many else line
