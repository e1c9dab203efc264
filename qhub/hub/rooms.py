"""The hub's door to rooms of video chat: it leads members of a group on, with a token.

The panel of JupyterLab opens `video-chat/GROUP` of the hub. What is behind `#` there (the person's
name, say) browsers take along by themselves.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyterhub import log
from jupyterhub.handlers import BaseHandler
from tornado.web import HTTPError, authenticated

from . import room_token

PATH = "video-chat"


class RoomHandler(BaseHandler):
    """Leads on into the room of a group."""

    def initialize(self, access: Mapping[str, Any]) -> None:
        self.access = access

    @authenticated
    async def get(self, group: str) -> None:
        # A page that is visited is no script of another user's server, which could read the token.
        if self.request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
            raise HTTPError(403)
        user = self.current_user
        if group not in {found.name for found in user.groups}:
            raise HTTPError(403, f"You are no member of {group}.")
        person = {"name": user.name, "admin": user.admin}
        self.set_header("Cache-Control", "no-store")
        self.redirect(room_token.address(self.access, group, person))


def configure(c: Any, access: Mapping[str, Any]) -> None:
    """Have the hub open rooms at a Jitsi server that takes its tokens."""
    # The hub writes where it leads visitors to its log, but for what it takes for a secret.
    log.SCRUB_PARAM_KEYS = (*log.SCRUB_PARAM_KEYS, "jwt")
    c.JupyterHub.extra_handlers = [(rf"/{PATH}/([^/]+)", RoomHandler, {"access": access})]
