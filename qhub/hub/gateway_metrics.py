"""Metrics of Dask-Gateway, which has none of its own: clusters and workers by state."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import GaugeMetricFamily


class Clusters:
    """What runs at the moment of asking."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families of metrics, as prometheus_client asks for them."""
        clusters = list(self._backend.db.active_clusters())
        workers = [worker for cluster in clusters for worker in cluster.active_workers()]
        people = len({cluster.username for cluster in clusters})
        yield GaugeMetricFamily("dask_gateway_users", "People with a cluster", people)
        for name, found in (("clusters", clusters), ("workers", workers)):
            counts = Counter(one.status.name.lower() for one in found)
            family = GaugeMetricFamily(
                f"dask_gateway_{name}", f"Dask {name} by state", labels=["state"]
            )
            for state in ("created", "submitted", "running", "closing"):
                family.add_metric([state], counts[state])
            yield family


def handler(backend: Any, token: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answers who shows the token with the metrics of this gateway."""
    registry = CollectorRegistry()
    registry.register(Clusters(backend))
    ProcessCollector(registry=registry)

    async def metrics(request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            return web.Response(status=403)
        return web.Response(
            body=exposition.generate_latest(registry),
            headers={"Content-Type": exposition.CONTENT_TYPE_LATEST},
        )

    return metrics
