"""A backend of Dask-Gateway that keeps people to the clusters they may have at a time."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from dask_gateway_server.backends.base import Backend, PublicException
from traitlets import Integer

SEEN_SECONDS, POLL_SECONDS = 10.0, 0.05
"""How long a new cluster may take to be listed, and how often that is looked at."""


class LimitedBackend(Backend):
    """Refuses a person's next cluster while they have as many as they may."""

    max_clusters_per_user = Integer(help="clusters that somebody can have at a time").tag(
        config=True
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._starting: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start_cluster(self, user: Any, cluster_options: dict[str, Any]) -> str:
        """Take the order for a cluster, unless they have as many as they may."""
        async with self._starting[user.name]:
            names = [cluster.name for cluster in await self.list_clusters(user.name)]
            if len(names) >= self.max_clusters_per_user:
                raise PublicException(
                    "No more of your clusters may run at a time than "
                    f"{self.max_clusters_per_user}. "
                    f"End one first: Gateway().stop_cluster({names[0]!r})"
                )
            name: str = await super().start_cluster(user, cluster_options)
            await self._seen(name)
            return name

    async def _seen(self, name: str) -> None:
        """Wait until a new cluster counts."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + SEEN_SECONDS
        while await self.get_cluster(name) is None and clock() < deadline:
            await asyncio.sleep(POLL_SECONDS)
