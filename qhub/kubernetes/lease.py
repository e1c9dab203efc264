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

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"

TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
"""How the API writes the times of a Lease."""


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
        try:
            if found is None:
                self.cluster.request("POST", LEASES, self._body())
            elif _holder(found) in ("", self.holder, *self.dead) or _is_over(found):
                self._write(found)
            else:
                raise self._refusal(found)
        except ClusterError as error:
            if error.status != CONFLICT:
                raise
            raise self._refusal(self._read()) from None

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(RENEW_SECONDS):
            with suppress(ClusterError):  # the next try may go through; then others may take it
                found = self._read()
                if found is not None and _holder(found) == self.holder:
                    self._write(found)

    def _give_up(self) -> None:
        found = self._read()
        if found is not None and _holder(found) == self.holder:
            self.cluster.request("DELETE", self._path)

    def _read(self) -> dict[str, Any] | None:
        try:
            return dict(self.cluster.request("GET", self._path))
        except ClusterError as error:
            if error.status == ABSENT:
                return None
            raise

    def _write(self, found: dict[str, Any]) -> None:
        body = self._body()
        # With it the write is refused if another was faster.
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        if _holder(found) == self.holder:
            body["spec"]["acquireTime"] = found["spec"].get("acquireTime")
        self.cluster.request("PUT", self._path, body)

    @property
    def _path(self) -> str:
        return f"{LEASES}/{self.name}"

    def _body(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime(TIME)
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name},
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": LASTS_SECONDS,
                "acquireTime": now,
                "renewTime": now,
            },
        }

    def _refusal(self, found: dict[str, Any] | None) -> LockedError:
        who = (_holder(found) if found else "") or "somebody else"
        since = _time(found, "acquireTime") if found else None
        if since:
            who += f", since {since.astimezone():%Y-%m-%d %H:%M:%S %Z}"
        return LockedError(
            f"another run is at work on this deployment: {who}",
            hint=f"wait for it to end; if it died, the lock is free {LASTS_SECONDS} s later",
        )


def _holder(lease: dict[str, Any]) -> str:
    return str(lease["spec"].get("holderIdentity") or "")


def _time(lease: dict[str, Any], name: str) -> datetime | None:
    said = lease["spec"].get(name)
    return datetime.strptime(said, TIME).replace(tzinfo=UTC) if said else None


def _is_over(lease: dict[str, Any]) -> bool:
    renewed = _time(lease, "renewTime")
    return renewed is None or datetime.now(UTC) - renewed > timedelta(seconds=LASTS_SECONDS)
