"""One run at a time over a deployment, from whichever machine: a Lease of the cluster.

Whoever holds it renews it while at work. One that was left by a process that died is taken over
once it has not been renewed for `LASTS_SECONDS`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from qhub.errors import ClusterError, LockedError
from qhub.kubernetes.cluster import ABSENT, CONFLICT, Cluster

LASTS_SECONDS = 30
RENEW_SECONDS = 8
NAMESPACE = "default"
"""Where it lies: the deployment's own namespace comes and goes with the deployment."""


@dataclass(frozen=True)
class Lease:
    """The lock of one deployment in its cluster.

    Args:
        cluster: Where the deployment is.
        name: Names the deployment, `qhub-PROJECT-NAMESPACE`.
        holder: Who wants it: `deploy by ada@laptop in /home/ada/hub, process 4711`.
        dead: Holders of whom it is known that they are no more.
    """

    cluster: Cluster
    name: str
    holder: str
    dead: tuple[str, ...] = ()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for the time of a block.

        Raises:
            LockedError: Somebody else has it.
        """
        self._take()
        done = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(done,), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            done.set()
            renewal.join()
            with suppress(ClusterError):
                self._give_up()

    def _take(self) -> None:
        found = self._read()
        if found is None:
            try:
                self.cluster.ask(self._leases.create_namespaced_lease, NAMESPACE, self._body(None))
            except ClusterError as error:
                if error.status != CONFLICT:
                    raise
                raise self._refusal(self._read()) from None
            return
        free = (None, "", self.holder, *self.dead)
        if found.spec.holder_identity not in free and not _is_over(found):
            raise self._refusal(found)
        try:
            self._write(found)
        except ClusterError as error:
            if error.status != CONFLICT:
                raise
            raise self._refusal(self._read()) from None

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(RENEW_SECONDS):
            with suppress(ClusterError):  # the next try may go through; then others may take it
                found = self._read()
                if found is not None and found.spec.holder_identity == self.holder:
                    self._write(found)

    def _give_up(self) -> None:
        found = self._read()
        if found is not None and found.spec.holder_identity == self.holder:
            self.cluster.ask(self._leases.delete_namespaced_lease, self.name, NAMESPACE)

    def _read(self) -> Any:
        try:
            return self.cluster.ask(self._leases.read_namespaced_lease, self.name, NAMESPACE)
        except ClusterError as error:
            if error.status == ABSENT:
                return None
            raise

    def _write(self, found: Any) -> None:
        body = self._body(found.metadata.resource_version)  # refused if another was faster
        if found.spec.holder_identity == self.holder:
            body.spec.acquire_time = found.spec.acquire_time
        self.cluster.ask(self._leases.replace_namespaced_lease, self.name, NAMESPACE, body)

    def _body(self, version: str | None) -> Any:
        from kubernetes import client

        return client.V1Lease(
            metadata=client.V1ObjectMeta(name=self.name, resource_version=version),
            spec=client.V1LeaseSpec(
                holder_identity=self.holder,
                lease_duration_seconds=LASTS_SECONDS,
                acquire_time=datetime.now(UTC),
                renew_time=datetime.now(UTC),
            ),
        )

    @property
    def _leases(self) -> Any:
        from kubernetes import client

        return client.CoordinationV1Api(self.cluster.api)

    def _refusal(self, found: Any) -> LockedError:
        who = found.spec.holder_identity if found is not None else "somebody else"
        if found is not None and found.spec.acquire_time:
            who += f", since {found.spec.acquire_time.astimezone():%Y-%m-%d %H:%M:%S %Z}"
        return LockedError(
            f"another run is at work on this deployment: {who}",
            hint=f"wait for it to end; if it died, the lock is free {LASTS_SECONDS} s later",
        )


def _is_over(lease: Any) -> bool:
    renewed = lease.spec.renew_time
    return renewed is None or datetime.now(UTC) - renewed > timedelta(seconds=LASTS_SECONDS)
