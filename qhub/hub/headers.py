"""What browsers are told to keep to on the pages of the hub and of people's servers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST_REQUEST = 2_000_000
"""Bytes that the hub itself takes; files go to people's servers, not through it."""

_ORIGIN = re.compile(r"https?://[\w.\-\[\]:]+")


def cookies(url: str) -> dict[str, Any]:
    """What all cookies below an address bear, besides HttpOnly, which the hub adds itself."""
    return {"samesite": "Lax"} | ({"secure": True} if url.startswith("https://") else {})


def page_policy(theme: Mapping[str, Any]) -> str:
    """Content-Security-Policy of the hub's pages: nothing from elsewhere but the theme's pictures.

    JupyterHub's pages bear scripts and styles of their own, so those have to be allowed in them.
    """
    texts = (str(theme.get(key) or "") for key in ("logo", "favicon", "welcome"))
    pictures = sorted({origin for text in texts for origin in _ORIGIN.findall(text)})
    return _policy(
        {
            "default-src": ["'self'"],
            "script-src": ["'self'", "'unsafe-inline'"],
            "style-src": ["'self'", "'unsafe-inline'"],
            "img-src": ["'self'", "data:", *pictures],
            "font-src": ["'self'", "data:"],
            "object-src": ["'none'"],
            "base-uri": ["'self'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }
    )


def server_policy() -> str:
    """That of JupyterLab: it may show what its user's notebooks show, wherever that comes from.

    Jupyter Server adds `sandbox` for files that are opened as pages.
    """
    return _policy(
        {
            "object-src": ["'self'", "blob:", "data:"],
            "base-uri": ["'self'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }
    )


def _policy(directives: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
