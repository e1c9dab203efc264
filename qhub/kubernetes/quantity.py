"""Amounts as Kubernetes writes them: `500m`, `1Gi`, `2e3`."""

from __future__ import annotations

import re

_UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
_UNITS |= {unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
_AMOUNT = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkKMGTPE]?i?)")


def quantity(text: str) -> float:
    """What an amount is in its basic unit: bytes, processors, pieces.

    Raises:
        ValueError: It is none.
    """
    match = _AMOUNT.fullmatch(text)
    if not match or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is no amount")
    return float(match[1]) * _UNITS[match[2]]
