"""What a plain scalar means: YAML 1.2's core schema, where `yes`, `on` and dates are text."""

from __future__ import annotations

import re
from typing import Any

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(
    r"(?P<int>[-+]?[0-9]+)|(?P<oct>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<inf>[-+]?\.(?:inf|Inf|INF))|(?P<nan>\.(?:nan|NaN|NAN))"
)
_LONGEST_NUMBER = 40  # characters; longer ones are not numbers that anybody counts with


def resolved(text: str) -> Any:
    """None, a bool, a number, or the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    match = _NUMBER.fullmatch(text)
    if not match:
        return text
    kind = match.lastgroup
    if kind == "int":
        return int(text)
    if kind in ("oct", "hex"):
        return int(text, 0)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
