"""How the hub's own pages look: the values that its templates take."""

from __future__ import annotations

import re
from typing import Any

_LIGHT, _DARK = "#ffffff", "#1a1a1a"
_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def _luminance(color: str) -> float:
    """How bright a `#rrggbb` colour is to the eye, 0 to 1 (WCAG 2)."""
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21; text is readable from 4.5 on."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(background: str) -> str:
    """White or near-black, whichever is easier to read on a colour."""
    if not _COLOR.fullmatch(background):
        return _LIGHT
    return max((_LIGHT, _DARK), key=lambda text: contrast(text, background))


def template_vars(settings: dict[str, Any]) -> dict[str, Any]:
    """What the templates need: the theme, readable colours on it, and a notice if there is one."""
    theme = settings["theme"]
    return {
        "theme": theme,
        "text_on_primary": text_on(theme["primary_color"]),
        "text_on_accent": text_on(theme["accent_color"]),
        "password_login": settings["authentication"]["type"] == "password",
        "notice": settings.get("notice", ""),
    }
