"""Dashboards of Dask clusters, for those whose clusters they are.

The proxy before the dashboards asks here before it lets a request through (Traefik's forwardAuth).
A browser whose person isn't known is sent to the hub, as by OAuth, and comes back with a token of
theirs, which it keeps in an encrypted cookie.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken
from dask_gateway_server.auth import JupyterHubAuthenticator
from traitlets import Bool, Unicode

from .dask_service import CALLBACK, CHECK, PREFIX, SERVICE

CLUSTERS = f"{PREFIX}/clusters/"
_CLUSTER = re.compile(rf"{CLUSTERS}((?:[a-z0-9-]+\.)?[0-9a-f]+)/", re.ASCII)
_API = re.compile(rf"{PREFIX}/api(/[\w-]+(\.[\w-]+)*)*/?(\?.*)?", re.ASCII)
"""What the gateway itself answers and looks at; said plainly, so that it can mean nothing else."""

_TOKEN, _LOGIN = "qhub-dask", "qhub-dask-login"
_LOGIN_SECONDS = 600
_REMEMBER_SECONDS = 60
"""How long the hub isn't asked again whether a token still holds."""
_WEEK = 7 * 24 * 3600


class DashboardAuthenticator(JupyterHubAuthenticator):
    """Tells who asks the gateway for something by the hub's token, and who looks at a dashboard."""

    cookie_key = Unicode(help="Fernet's key for cookies").tag(config=True)
    secure = Bool(False, help="whether people come by HTTPS, whatever the last proxy says").tag(
        config=True
    )

    async def setup(self, app: web.Application) -> None:
        """Called by the gateway while its routes can still be added to."""
        await super().setup(app)
        self._known: dict[str, tuple[float, Any]] = {}
        app.router.add_get(CHECK, self.check)
        app.router.add_get(CALLBACK.removeprefix(PREFIX), self.come_back)

    def get_token(self, request: web.Request) -> str | None:
        """That of the cookie, where a dashboard is asked for; else that of a program."""
        return request.get(_TOKEN) or super().get_token(request)

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Whether the proxy may let somebody see what they asked for."""
        path = request.headers.get("X-Forwarded-Uri", "")
        if _API.fullmatch(path):
            return web.Response()
        found = None if ".." in unquote(path.partition("?")[0]) else _CLUSTER.match(path)
        cluster = await request.app["backend"].get_cluster(found[1]) if found else None
        person = await self._person(request)
        if person is None:
            return self._to_the_hub(request, path)
        if cluster is None or not person.has_permissions(cluster):
            return web.Response(status=404, text="There is no such cluster of yours.\n")
        return web.Response()

    async def _person(self, request: web.Request) -> Any:
        """Whose cookie it is; nothing else of the request counts."""
        cookie = request.cookies.get(_TOKEN, "")
        since, person = self._known.pop(cookie, (0.0, None))
        if person is None or time.monotonic() - since > _REMEMBER_SECONDS:
            request[_TOKEN] = self._opened(cookie, _WEEK).get("token")
            if not request[_TOKEN]:
                return None
            try:
                since, person = time.monotonic(), await self.authenticate(request)
            except web.HTTPException:  # also where the hub no longer knows the token
                return None
        self._known[cookie] = since, person
        while len(self._known) > 1000:
            self._known.pop(next(iter(self._known)))
        return person

    def _to_the_hub(self, request: web.Request, path: str) -> web.StreamResponse:
        mark = request.cookies.get(_LOGIN) or secrets.token_urlsafe(16)
        state = self._sealed({"next": path if path.startswith(CLUSTERS) else PREFIX, "mark": mark})
        query = urlencode(
            {
                "client_id": f"service-{SERVICE}",
                "redirect_uri": CALLBACK,
                "response_type": "code",
                "state": state,
            }
        )
        response = _moved(f"/hub/api/oauth2/authorize?{query}")
        self._set(response, request, _LOGIN, mark, path=PREFIX, max_age=_LOGIN_SECONDS)
        return response

    async def come_back(self, request: web.Request) -> web.StreamResponse:
        """From the hub, with what the person's token is to be had for."""
        state = self._opened(request.query.get("state", ""), _LOGIN_SECONDS)
        mark = state.get("mark", "").encode()
        if not mark or not hmac.compare_digest(mark, request.cookies.get(_LOGIN, "").encode()):
            return web.Response(status=403, text="This took too long. Open the dashboard again.\n")
        form = {
            "client_id": f"service-{SERVICE}",
            "client_secret": self.jupyterhub_api_token,
            "grant_type": "authorization_code",
            "code": request.query.get("code", ""),
            "redirect_uri": CALLBACK,
        }
        async with self.session.post(f"{self.jupyterhub_api_url}/oauth2/token", data=form) as said:
            if said.status != 200:
                return web.Response(status=403, text="The hub doesn't let you in.\n")
            token = (await said.json())["access_token"]
        response = _moved(state["next"])
        self._set(response, request, _TOKEN, self._sealed({"token": token}), path=CLUSTERS)
        return response

    def _set(
        self, response: web.Response, request: web.Request, name: str, value: str, **more: Any
    ) -> None:
        secure = self.secure or request.headers.get("X-Forwarded-Proto") == "https"
        response.set_cookie(name, value, httponly=True, samesite="Lax", secure=secure, **more)

    def _sealed(self, content: dict[str, str]) -> str:
        return Fernet(self.cookie_key).encrypt(json.dumps(content).encode()).decode()

    def _opened(self, text: str, seconds: int) -> dict[str, str]:
        """What was sealed in the last `seconds`; nothing where it wasn't."""
        try:
            return json.loads(Fernet(self.cookie_key).decrypt(text.encode(), ttl=seconds))
        except InvalidToken:
            return {}


def _moved(where: str) -> web.Response:
    return web.Response(status=302, headers={"Location": where})
