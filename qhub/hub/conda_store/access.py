"""Who somebody is, says the hub; what they may, say the settings, at each request anew.

conda-store writes what a person may into the token that they carry for a day. Here a token that
says more than its person may now is none.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from conda_store_server._internal import orm
from conda_store_server._internal.server.dependencies import get_templates
from conda_store_server.server.auth import AuthenticationBackend, JupyterHubOAuthAuthentication
from conda_store_server.server.schema import AuthenticationToken, Permissions
from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from places import PREFIX, within
from rights import allows


class Tokens(AuthenticationBackend):
    """Tokens that don't outlive what their person may."""

    people: ClassVar[Mapping[str, Mapping[str, Sequence[str]]]] = {}
    """What each person may: roles by namespace and environment."""

    def authenticate(self, token: str) -> Any:
        """Who bears a token; None where it is no longer good."""
        entity = super().authenticate(token)
        if entity is None or token in self.predefined_tokens:
            return entity
        may = self.people.get(entity.primary_namespace, {})
        return entity if may and allows(may, entity.role_bindings) else None


class Login(JupyterHubOAuthAuthentication):
    """Login through the hub."""

    async def authenticate(self, request: Request) -> Any:
        """The person whom the hub sent back; None for whom it doesn't know."""
        if "oauth_state" not in request.session:
            raise HTTPException(status_code=401, detail="Log in again: nothing was begun here")
        token = self._get_oauth_token(request)
        name = str(self._get_username(token)) if token else ""
        if name not in Tokens.people:
            return None
        return AuthenticationToken(primary_namespace=name, role_bindings=dict(Tokens.people[name]))

    async def post_login_method(
        self,
        request: Request,
        response: Response,
        next: str | None = None,  # noqa: A002 - FastAPI takes arguments by their names
        templates: Any = Depends(get_templates),  # noqa: B008
    ) -> Any:
        """Give the cookie to conda-store alone: people's servers are on the same address."""
        response = await super().post_login_method(request, response, next, templates)
        secure = "; Secure" if request.url.scheme == "https" else ""
        response.raw_headers = [
            (key, value.replace(b"; Path=/;", f"; Path={PREFIX}/;".encode()) + secure.encode())
            if key == b"set-cookie" and value.startswith(self.cookie_name.encode())
            else (key, value)
            for key, value in response.raw_headers
        ]
        return response

    async def _post_login_method_response(self, redirect_url: str) -> Any:
        """Go on within conda-store, whatever the address says that somebody followed."""
        return RedirectResponse(within(redirect_url), status_code=303)

    def post_logout_method(self, request: Request, next: str | None = None) -> Any:  # noqa: A002
        """End the session: the cookie lies where the login left it."""
        response = super().post_logout_method(request, within(next or ""))
        response.delete_cookie(self.cookie_name, path=f"{PREFIX}/")
        return response

    @property
    def routes(self) -> list[tuple[str, str, Any]]:
        """conda-store's, and what it would hand to everybody: logs and lock files."""
        return [*super().routes, ("/storage/{key:path}", "get", self.get_artifact)]

    def get_artifact(self, request: Request, key: str) -> Any:
        """A file of a build, for who may see its environment."""
        store = request.state.conda_store
        with store.get_db() as db:
            found = db.query(orm.BuildArtifact).filter(orm.BuildArtifact.key == key).first()
            if found is None:
                raise HTTPException(status_code=404, detail="there is no such file")
            environment = found.build.environment
            name = f"{environment.namespace.name}/{environment.name}"
        self.authorize_request(request, name, {Permissions.ENVIRONMENT_READ}, require=True)
        folder = Path(store.storage.storage_path).resolve()
        path = (folder / key).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise HTTPException(status_code=404, detail="there is no such file")
        return FileResponse(path, media_type="text/plain")
