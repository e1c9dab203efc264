"""Where conda-store is on the address that it shares with the hub and people's servers."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

PREFIX = "/conda-store"


def within(address: str) -> str:
    """The part of an address that lies in conda-store; its first page for any other."""
    asked = urlsplit(address)
    if not asked.path.startswith(f"{PREFIX}/"):
        return f"{PREFIX}/"
    return urlunsplit(("", "", quote(asked.path), asked.query, ""))
