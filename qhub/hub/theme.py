"""How the hub's own pages look: the values that its templates take."""

from __future__ import annotations

import base64
import re
from typing import Any

READABLE = 4.5
"""Contrast from which text is readable (WCAG 2, level AA)."""

_LIGHT, _DARK = "#ffffff", "#1a1a1a"
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_HARMLESS = re.compile(r"[#\w(),.% -]+")

_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" fill="none" stroke="{color}" '
    'stroke-width="6" stroke-linecap="round"><circle cx="29" cy="29" r="21"/>'
    '<path d="M40 40 57 57"/><circle cx="29" cy="29" r="7" fill="{accent}" stroke="none"/></svg>'
)


def _channels(color: str) -> list[int]:
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]


def _luminance(color: str) -> float:
    """How bright a `#rrggbb` colour is to the eye, 0 to 1 (WCAG 2)."""
    values = [channel / 255 for channel in _channels(color)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(background: str) -> str:
    """White or near-black, whichever is easier to read on a colour."""
    if not _HEX.fullmatch(background):
        return _LIGHT
    return max((_LIGHT, _DARK), key=lambda text: contrast(text, background))


def readable(color: str, background: str = _LIGHT) -> str:
    """The colour itself, or as much darker as it takes to read it on a light background."""
    if not _HEX.fullmatch(color):
        return color
    while contrast(color, background) < READABLE:
        color = "#" + "".join(f"{int(channel * 0.9):02x}" for channel in _channels(color))
    return color


def mark(theme: dict[str, Any]) -> str:
    """The logo that comes along, in the theme's colours: an SVG, base64."""
    svg = _MARK.format(color=theme["primary_color"], accent=theme["accent_color"])
    return base64.b64encode(svg.encode()).decode()


def template_vars(settings: dict[str, Any]) -> dict[str, Any]:
    """What the templates need: the theme, its colours made readable, a notice if there is one."""
    given = settings["theme"]
    theme = {
        key: value if not key.endswith("_color") or _HARMLESS.fullmatch(value) else _DARK
        for key, value in given.items()
    }
    return {
        "theme": theme,
        "mark": mark(theme),
        "notice": settings.get("notice", ""),
        "colors": {
            "primary": theme["primary_color"],
            "on_primary": text_on(theme["primary_color"]),
            "secondary": theme["secondary_color"],
            "accent": theme["accent_color"],
            "text": readable(theme["text_color"]),
            "h1": readable(theme["h1_color"]),
            "h2": readable(theme["h2_color"]),
        },
    }
