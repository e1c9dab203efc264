"""A provider of OpenID Connect, small and real: a process of its own that people log in at.

Who visits is who the cookie `who` names. What the provider says of people is the file that it is
started with, read at each question.

    python tests/local/oidc.py PORT CLAIMS.json CLIENT_ID CLIENT_SECRET
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

KEY = secrets.token_bytes(32)
CODES: dict[str, dict[str, str]] = {}
"""Of each code that was given out: who it is for, and what it was asked with."""


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(claims: dict[str, Any]) -> str:
    """A token of this provider."""
    head = encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    text = f"{head}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(hmac.digest(KEY, text.encode(), hashlib.sha256))}"


def who_is(token: str) -> str | None:
    """Whose token it is; None if it is none of this provider's."""
    text, _, proof = token.rpartition(".")
    if not hmac.compare_digest(proof, encoded(hmac.digest(KEY, text.encode(), hashlib.sha256))):
        return None
    claims = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
    return claims["sub"] if claims["exp"] > time.time() else None


class Handler(BaseHTTPRequestHandler):
    """The three places that a client knows."""

    people: Path
    client: tuple[str, str]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/auth":
            self._authorize(asked)
        elif url.path == "/userinfo":
            name = who_is(self.headers.get("Authorization", "").removeprefix("Bearer "))
            self._say(json.loads(self.people.read_text())[name] if name else None)
        else:
            self._say(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        given = CODES.pop(asked.get("code", ""), None)
        login = base64.b64encode(":".join(self.client).encode()).decode()
        known = self.headers.get("Authorization") == f"Basic {login}" or self.client == (
            asked.get("client_id"),
            asked.get("client_secret"),
        )
        if self.path != "/token" or not (given and known and self._proved(given, asked)):
            self._say(None)
            return
        token = signed({"sub": given["name"], "exp": time.time() + 60})
        self._say({"access_token": token, "id_token": token, "token_type": "Bearer"})

    def _proved(self, given: dict[str, str], asked: dict[str, str]) -> bool:
        """Whether who brings the code is who it was given to (PKCE), for the same address."""
        proof = encoded(hashlib.sha256(asked.get("code_verifier", "").encode()).digest())
        return (
            proof == given["code_challenge"] and asked.get("redirect_uri") == given["redirect_uri"]
        )

    def _authorize(self, asked: dict[str, str]) -> None:
        name = SimpleCookie(self.headers.get("Cookie", "")).get("who")
        if name is None or asked.get("client_id") != self.client[0]:
            self._say(None)
            return
        code = secrets.token_urlsafe()
        CODES[code] = {"name": name.value, **asked}
        query = urlencode({"code": code, "state": asked["state"]})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{query}")
        self.end_headers()

    def _say(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200 if content else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    port, people, *client = sys.argv[1:]
    Handler.people, Handler.client = Path(people), (client[0], client[1])
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
