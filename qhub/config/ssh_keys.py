"""Public keys of SSH, as a line of `~/.ssh/id_….pub` holds one."""

from __future__ import annotations

import base64
import binascii
import re

from qhub.config.fields import wrong

_KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_SMALLEST_RSA = 2048
_HINT = "paste the line of a public key: cat ~/.ssh/id_ed25519.pub"


def public_key(text: str) -> str:
    """The key as kind, data and comment, checked; raises what `wrong` makes."""
    if "PRIVATE KEY" in text:
        raise wrong("this is a private key, which nobody but its owner may have", _HINT)
    kind, _, rest = text.strip().partition(" ")
    data, _, comment = rest.strip().partition(" ")
    if kind not in _KINDS:
        raise wrong(*_not_a_kind(kind, text))
    if not comment.isprintable():
        raise wrong("a key is a single line", _HINT)
    fields = _fields(data)
    if not fields or fields[0] != kind.encode() or len(fields) < 2:
        raise wrong(f"the data of this {kind} key is damaged or cut off", _HINT)
    _check(kind, fields)
    return " ".join(part for part in (kind, data, comment.strip()) if part)


def _not_a_kind(kind: str, text: str) -> tuple[str, str]:
    if kind == "ssh-dss":
        return "DSA keys are broken", "make a new key: ssh-keygen -t ed25519"
    if any(f" {known} " in text or f'"{known} ' in text for known in _KINDS):
        return "options before a key (`command=…`, `from=…`) are not supported", "delete them"
    if re.search(r"\.pub$|^[~./]", text):
        return "this is the name of a file, not a key", _HINT
    return "this is no public key of SSH", f"{_HINT}; known are: {', '.join(_KINDS)}"


def _fields(data: str) -> list[bytes]:
    """The parts of a key's data; empty where it isn't whole."""
    try:
        blob = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return []
    fields = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            return []
        fields.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return fields


_SIZES = {
    "ssh-ed25519": (2, 32),
    "sk-ssh-ed25519@openssh.com": (3, 32),
    "ecdsa-sha2-nistp256": (3, 65),
    "ecdsa-sha2-nistp384": (3, 97),
    "ecdsa-sha2-nistp521": (3, 133),
    "sk-ecdsa-sha2-nistp256@openssh.com": (4, 65),
}
"""How many parts a key has, and how many bytes that with the key itself."""


def _check(kind: str, fields: list[bytes]) -> None:
    if kind == "ssh-rsa":
        bits = int.from_bytes(fields[-1], "big").bit_length()
        if len(fields) != 3:
            raise wrong(f"the data of this {kind} key is damaged or cut off", _HINT)
        if bits < _SMALLEST_RSA:
            message = f"this RSA key has {bits} bits, {_SMALLEST_RSA} are the least"
            raise wrong(message, "make a new key: ssh-keygen -t ed25519")
        return
    count, size = _SIZES[kind]
    point = fields[2 if "ecdsa" in kind else 1] if len(fields) == count else b""
    if len(point) != size:
        raise wrong(f"the data of this {kind} key is damaged or cut off", _HINT)
