"""What of Cloudflare's API qhub asks, in memory: no account is needed to see what becomes of it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

TOKEN = "a token of the zone"
ZONE = "023e105f4ecef8ad9ca31a8372d0c353"


class Cloudflare(ThreadingHTTPServer):
    """Serves one zone.

    Args:
        zone: Its name.
    """

    def __init__(self, zone: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.zone, self.entries, self.ids = zone, [], itertools.count(1)
        self.changes = 0

    entries: list[dict[str, Any]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/client/v4"

    def values(self, name: str, kind: str) -> list[str]:
        found = [one for one in self.entries if (one["name"], one["type"]) == (name, kind)]
        return sorted(one["content"] for one in found)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Cloudflare

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, result: Any, message: str = "", code: int = 0) -> None:
        errors = [{"code": code, "message": message}] if message else []
        body = {"result": result, "success": status == 200, "errors": errors, "messages": []}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _handle(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        records = f"/client/v4/zones/{ZONE}/dns_records"
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(403, None, "Invalid access token", 9109)
        elif path == "/client/v4/zones":
            found = [{"id": ZONE, "name": self.server.zone}]
            self._answer(200, found if query["name"] == self.server.zone else [])
        elif path == records and self.command == "GET":
            wanted = {key: query[key] for key in ("name", "type") if key in query}
            self._answer(200, [one for one in self.server.entries if wanted.items() <= one.items()])
        elif path == records:
            self._add(body)
        else:
            self.server.changes += 1
            gone = path.removeprefix(f"{records}/")
            self.server.entries = [one for one in self.server.entries if one["id"] != gone]
            self._answer(200, {"id": gone})

    def _add(self, entry: dict[str, Any]) -> None:
        kinds = {one["type"] for one in self.server.entries if one["name"] == entry["name"]}
        if kinds and (entry["type"] == "CNAME") != ("CNAME" in kinds):
            self._answer(400, None, "A CNAME record with that host already exists.", 81053)
            return
        self.server.changes += 1
        entry["id"] = f"{next(self.server.ids):032x}"
        self.server.entries.append(entry)
        self._answer(200, entry)

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815


@contextmanager
def serving(zone: str, patch: pytest.MonkeyPatch) -> Iterator[Cloudflare]:
    """One that is taken for Cloudflare, and the token that it wants in `$ZONE_TOKEN`."""
    with Cloudflare(zone) as server:
        patch.setenv("CLOUDFLARE_BASE_URL", server.url)
        patch.setenv("ZONE_TOKEN", TOKEN)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
