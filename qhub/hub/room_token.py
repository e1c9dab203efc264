"""What lets somebody into a room of a Jitsi server that takes tokens: signed with its secret.

Only the hub has the secret; a token is for one room and one person, and for a while.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

LIFE_SECONDS = 3600
"""For so long a call that broke off comes back by itself; then its room is entered anew."""

_CLOCKS_SECONDS = 60
"""How much the clock of the Jitsi server may be behind."""


def address(access: Mapping[str, Any], group: str, user: Mapping[str, Any]) -> str:
    """Where a person enters the room of a group.

    Args:
        access: `server`, `app_id`, `app_secret`, `subject` and `project` of the settings.
        group: whose room it is.
        user: `name`, and whether they are `admin`.
    """
    room = f"{access['project']}-{group}".lower()  # as Jitsi compares names
    return f"{access['server']}/{quote(room)}?jwt={token(access, room, user, int(time.time()))}"


def token(access: Mapping[str, Any], room: str, user: Mapping[str, Any], now: int) -> str:
    """A JSON Web Token for one room, by HMAC with SHA-256."""
    person = {"id": user["name"], "name": user["name"], "moderator": user["admin"]}
    claims = {
        "iss": access["app_id"],
        "aud": access["app_id"],
        "sub": access["subject"],
        "room": room,
        "iat": now,
        "nbf": now - _CLOCKS_SECONDS,
        "exp": now + LIFE_SECONDS,
        "context": {"user": person},
    }
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    proof = hmac.digest(access["app_secret"].encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_encoded(proof)}"


def _part(content: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(content, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
