"""Zones at Cloudflare, by its API of version 4."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from qhub.dns.record import LIFETIME, Record, parents
from qhub.errors import DnsError

SERVER = "https://api.cloudflare.com/client/v4"
SERVER_VARIABLE = "CLOUDFLARE_BASE_URL"
"""Environment variable with another address of the API, as in Cloudflare's own libraries."""

ANSWER_SECONDS = 30
_MOST = 100  # records of one name and page; nobody has more addresses for a hub


@dataclass(frozen=True)
class CloudflareZone:
    """A zone of an account.

    Args:
        id: Its number there.
        token: What may change it.
    """

    id: str
    token: str

    @classmethod
    def find(cls, domain: str, token: str) -> CloudflareZone:
        """The zone that a domain is in.

        Raises:
            DnsError: The token sees none, or Cloudflare can't be reached.
        """
        for name in parents(domain):
            if zones := _call(token, "GET", "/zones", {"name": name}):
                return cls(zones[0]["id"], token)
        raise DnsError(
            f"Cloudflare: the token sees no zone of {domain}",
            "give it the permissions Zone / DNS / Edit and Zone / Zone / Read for that zone",
        )

    def read(self, name: str) -> list[Record]:
        by_kind: dict[str, list[str]] = {}
        for entry in self._entries({"name": name}):
            by_kind.setdefault(entry["type"], []).append(_plain(entry))
        return [Record(name, kind, tuple(sorted(found))) for kind, found in by_kind.items()]

    def write(self, record: Record) -> None:
        entries = self._entries({"name": record.name, "type": record.kind})
        for value in record.values:
            if value not in map(_plain, entries):
                # Not through Cloudflare's own proxy, which passes neither SSH nor UDP.
                self._call(
                    "POST",
                    "",
                    body={
                        "name": record.name,
                        "type": record.kind,
                        "content": f'"{value}"' if record.kind == "TXT" else value,
                        "ttl": LIFETIME,
                        "proxied": False,
                    },
                )
        for entry in entries:
            if _plain(entry) not in record.values:
                self._call("DELETE", f"/{entry['id']}")

    def remove(self, record: Record) -> None:
        for entry in self._entries({"name": record.name, "type": record.kind}):
            if _plain(entry) in record.values:
                self._call("DELETE", f"/{entry['id']}")

    def _entries(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", "", {**query, "per_page": str(_MOST)})
        return found

    def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        return _call(self.token, method, f"/zones/{self.id}/dns_records{path}", query, body)


def _plain(entry: Mapping[str, Any]) -> str:
    """The value of an entry, as a record has it."""
    return str(entry["content"]).strip('"').rstrip(".")


def _call(
    token: str, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
) -> Any:
    server = os.environ.get(SERVER_VARIABLE, SERVER).rstrip("/")
    request = urllib.request.Request(  # noqa: S310 - the address is Cloudflare's, or the user's own
        f"{server}{path}?{urlencode(query or {})}".rstrip("?"),
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:  # noqa: S310
            return json.load(response)["result"]
    except urllib.error.HTTPError as error:
        raise DnsError(f"Cloudflare refuses: {_reason(error)}") from error
    except (OSError, ValueError, KeyError) as error:
        raise DnsError(f"Cloudflare can't be asked: {getattr(error, 'reason', error)}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        found = [f"{one['message']} ({one['code']})" for one in json.load(error)["errors"]]
    except (ValueError, KeyError, TypeError):
        found = []
    return "; ".join(found) or f"{error.code} {error.reason}"
