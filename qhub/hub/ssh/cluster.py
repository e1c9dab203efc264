"""Kubernetes, as SSH needs it: a pod, and a program that is started in it."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""What the cluster gives a pod to prove itself with: `token` and `ca.crt`."""

PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
"""How a program's streams share a WebSocket: the first byte of a message says which it is of."""

STDIN, STDOUT, STDERR, OUTCOME = range(4)
ANSWER_SECONDS = 30
_LONGEST_MESSAGE = 16 * 1024 * 1024
_LONGEST_REASON = 500


class ClusterRefusal(OSError):
    """The cluster doesn't do it.

    Attributes:
        status: of its answer, as of HTTP; None where it gave none.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Cluster:
    """The API of a cluster, in the name of the pod that this runs in.

    Args:
        namespace: where the pods are.
        address: of the API; what the pod is told of it, if empty.
        account: folder of `token` and `ca.crt`.
    """

    def __init__(self, namespace: str, address: str = "", account: Path = ACCOUNT) -> None:
        self._namespace, self._account = namespace, account
        self._address = address or _told_address()
        self._http = AsyncHTTPClient(force_instance=True, max_clients=100)

    def _request(self, scheme: str, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        # The token is another one now and then.
        token = (self._account / "token").read_text(encoding="ascii").strip()
        place = f"/api/v1/namespaces/{quote(self._namespace, safe='')}/pods/{path}"
        return HTTPRequest(
            f"{scheme}://{self._address}{place}?{urlencode(query)}",
            headers={"Authorization": f"Bearer {token}"},
            ca_certs=str(self._account / "ca.crt"),
            connect_timeout=ANSWER_SECONDS,
            request_timeout=ANSWER_SECONDS,
        )

    async def pod(self, name: str) -> dict[str, Any]:
        """A pod as the cluster has it.

        Raises:
            ClusterRefusal: there is none, or it can't be asked for.
        """
        try:
            answer = await self._http.fetch(self._request("https", quote(name, safe="")))
        except (HTTPClientError, OSError) as error:
            raise _refusal(error) from error
        return json.loads(answer.body)

    async def run(self, pod: str, container: str, command: Sequence[str]) -> Running:
        """Start a program in a container, as its user.

        Raises:
            ClusterRefusal: it can't be started.
        """
        query = [("container", container), ("stdin", "true"), ("stdout", "true")]
        query += [("stderr", "true"), *(("command", word) for word in command)]
        try:
            socket = await websocket_connect(
                self._request("wss", f"{quote(pod, safe='')}/exec", query),
                subprotocols=PROTOCOLS,
                max_message_size=_LONGEST_MESSAGE,
            )
        except (HTTPClientError, OSError) as error:
            raise _refusal(error) from error
        return Running(socket)


class Running:
    """A program that was started.

    Attributes:
        errors: the end of what it said there.
        outcome: what the cluster says of how it ended.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.errors, self.outcome = b"", ""

    async def read(self) -> bytes:
        """What it says next; nothing when it has ended."""
        while (message := await self._socket.read_message()) is not None:
            data = message.encode() if isinstance(message, str) else message
            channel, data = data[:1], data[1:]
            if channel == bytes([STDOUT]) and data:
                return data
            if channel == bytes([STDERR]):
                self.errors = (self.errors + data)[-_LONGEST_REASON:]
            elif channel == bytes([OUTCOME]):
                self.outcome = data.decode(errors="replace")[:_LONGEST_REASON]
        return b""

    async def write(self, data: bytes) -> None:
        """Give it something to read.

        Raises:
            ConnectionError: it has ended.
        """
        try:
            await self._socket.write_message(bytes([STDIN]) + data, binary=True)
        except WebSocketClosedError as error:
            raise ConnectionError("it has ended") from error

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


def _told_address() -> str:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refusal(error: Exception) -> ClusterRefusal:
    status = error.code if isinstance(error, HTTPClientError) else None
    return ClusterRefusal(str(error), status)
