"""The hub's REST API, in the name of the deployment's own service, wherever the hub runs."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from qhub.errors import HubError, UsageError

STOP_SECONDS = 40.0


class Hub:
    """A hub that is asked.

    Args:
        connect: Makes a connection to it, good for one request; raises OSError where it can't.
        token: The service's.
    """

    def __init__(self, connect: Callable[[], http.client.HTTPConnection], token: str) -> None:
        self._connect, self._token = connect, token

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of one request.

        Raises:
            OSError: the hub doesn't answer.
        """
        connection = self._connect()
        try:
            headers = {"Authorization": f"token {self._token}"}
            data = None if body is None else json.dumps(body)
            connection.request(method, f"/hub/api{path}", data, headers)
            response = connection.getresponse()
            answer = response.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
        return response.status, json.loads(answer) if answer else None

    def users(self) -> list[dict[str, Any]]:
        """Everybody that the hub knows, with what runs for them."""
        users: list[dict[str, Any]] = []
        while True:
            status, page = self.call("GET", f"/users?offset={len(users)}&limit=200")
            if status != 200:
                raise HubError(f"the hub refuses to list its users ({status})")
            users += page
            if len(page) < 200:
                return users

    def online(self) -> list[str]:
        """People whose server runs."""
        return sorted(user["name"] for user in self.users() if user.get("server"))

    def token(
        self, name: str, *, seconds: int | None, note: str, scopes: Sequence[str] | None
    ) -> str:
        """A new token of a person's; the hub gets to know them if it doesn't yet.

        Raises:
            UsageError: a scope is none, or not one of theirs.
            HubError: the hub refuses.
            OSError: the hub doesn't answer.
        """
        path = f"/users/{quote(name, safe='')}"
        if self.call("GET", path)[0] == 404:
            self.call("POST", path)
        wanted = {"expires_in": seconds, "note": note, "scopes": scopes}
        status, answer = self.call("POST", f"{path}/tokens", wanted)
        reason = (answer or {}).get("message", f"status {status}").strip('"')
        if status == 400:
            raise UsageError(f"the hub gives out no such token: {reason}", "Look at --scope.")
        if status != 201:
            raise HubError(f"the hub refuses a token of {name}: {reason}", "qhub logs hub")
        return str(answer["token"])

    def stop_server(self, name: str) -> None:
        """End a person's server and wait until it is gone; fine when none runs."""
        path = f"/users/{quote(name, safe='')}/server"
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            status, _ = self.call("DELETE", path)
            if status in (204, 404):
                return
            # 400: already on its way, or none runs
            if status != 202 and status < 500 and not self._running(name):
                return
            time.sleep(0.2)

    def _running(self, name: str) -> bool:
        status, user = self.call("GET", f"/users/{quote(name, safe='')}")
        return status == 200 and bool(user.get("server") or user.get("pending"))

    def delete_user(self, name: str) -> None:
        """Make the hub forget a person, with their tokens and sessions; ends their server first."""
        self.stop_server(name)
        self.call("DELETE", f"/users/{quote(name, safe='')}")
