"""The hub, as SSH needs it: whose a token is, and a server that runs."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from ..ssh_service import may_log_in

PATIENCE_SECONDS = 20.0
"""How long the hub may be away: a deploy restarts it."""

POLL_SECONDS = 0.2
_TOKEN = re.compile(r"[!-~]{1,256}")
State = dict[str, Any]
Say = Callable[[str], None]


class Refused(Exception):
    """Why somebody doesn't get what they asked for, in words for them."""


class Hub:
    """The hub's API in the name of the service.

    Args:
        api: its address.
        token: the service's.
        alive: tells from a server's state whether it really runs.
        start_seconds: how long a server may take to be ready.
    """

    def __init__(
        self, api: str, token: str, alive: Callable[[State], bool], start_seconds: float = 200
    ) -> None:
        self._api, self._token, self._alive = api, token, alive
        self._start_seconds = start_seconds
        self._http = AsyncHTTPClient(force_instance=True, max_clients=100)

    async def _ask(
        self, method: str, path: str, body: Any = None, token: str = ""
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"token {token or self._token}"}
        data = None if body is None else json.dumps(body)
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self._http.fetch(
                    self._api + path, method=method, headers=headers, body=data, raise_error=False
                )
                return answer.code, json.loads(answer.body) if answer.body else None
            except (OSError, HTTPClientError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise Refused("The hub does not answer. Try again later.") from error
                await asyncio.sleep(POLL_SECONDS)

    async def knows(self, name: str, token: str) -> bool:
        """Whether this is a token of this person's own, good for their server.

        Anything else takes as long: the hub is asked, whoever it may be.
        """
        shaped = token if _TOKEN.fullmatch(token) else "-"
        status, owner = await self._ask("GET", "/user", token=shaped)
        return status == 200 and may_log_in(name, owner)

    async def server(self, name: str, say: Say) -> State:
        """The state of a person's server, which is started where it doesn't run.

        Raises:
            Refused: there is none.
        """
        asked = ""
        deadline = asyncio.get_running_loop().time() + self._start_seconds
        while asyncio.get_running_loop().time() < deadline:
            server = await self._server(name)
            if server is None:
                if asked:
                    raise Refused(asked)
                say("Starting your server …")
                asked = await self._start(name)
            elif server["ready"] and self._alive(server.get("state") or {}):
                return server["state"]
            await asyncio.sleep(POLL_SECONDS)
        raise Refused(f"Your server was not ready within {self._start_seconds:.0f} seconds.")

    async def _server(self, name: str) -> dict[str, Any] | None:
        status, user = await self._ask("GET", f"/users/{quote(name, safe='')}")
        if status != 200:
            raise Refused("The hub does not know you. Log in there once, with your browser.")
        return user.get("servers", {}).get("")

    async def _start(self, name: str) -> str:
        """Ask for a server; returns what to say should none come of it."""
        status, answer = await self._ask("POST", f"/users/{quote(name, safe='')}/server", body={})
        reason = (answer or {}).get("message")
        if status < 500 and reason:
            return f"Your server did not start: {reason}"
        return "Your server did not start. Ask an administrator: the log of the hub says why."

    async def active(self, name: str) -> None:
        """Tell that a person is at work, so that their server isn't ended as idle."""
        now = datetime.now(UTC).isoformat()
        body = {"last_activity": now, "servers": {"": {"last_activity": now}}}
        await self._ask("POST", f"/users/{quote(name, safe='')}/activity", body=body)
