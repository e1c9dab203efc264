"""Texts without the secrets in them: to be shown to somebody who helps.

`Redactor` blots out in any text what is known to be secret, and what looks like it. `redacted` is
for a configuration: it also knows which settings hold secrets, and leaves all comments out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qhub.config import document as documents
from qhub.config.tree import Node, tree

BLOT = "***"
_SHORTEST = 6  # characters; a shorter secret would blot out half of every text

_SECRET_KEY = re.compile(
    r"(?i)pass(word|wd|phrase)|pass$|secret(?!_name$)|token|credential|cookie"
    r"|(api|access|private|account|storage|encryption)[_-]?key"
)

_NAME = r"""[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|_xsrf|signature)[\w.-]*"""
_PATTERNS = [
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|\Z)", re.DOTALL),
        BLOT,
    ),
    (re.compile(r"\$(argon2(id|i|d)|2[abxy]|[156y]|scrypt|pbkdf2[\w-]*)\$[^\s\"'}\\]+"), BLOT),
    (re.compile(r"(\w://)[^\s/@\"']*:[^\s/@\"']+@"), rf"\1{BLOT}@"),
    (
        re.compile(r"(?im)((?:proxy-)?authorization|(?:set-)?cookie)([\"']?\s*[:=]).*$"),
        rf"\1\2 {BLOT}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {BLOT}"),
    (
        re.compile(
            rf"(?i)({_NAME}[\"']?\s*(?:=(?!=)|:|%3D)\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'&,;)}}\]{{]+)"
        ),
        rf"\1{BLOT}",
    ),
    (re.compile(r"([?&](?:code|state|key|sig|auth)=)[^\s&\"']{16,}"), rf"\1{BLOT}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), BLOT),
    (re.compile(r"(?<![\w-])[0-9a-fA-F]{32,}(?![\w-])"), BLOT),
]


class Redactor:
    """Blots secrets out of texts.

    Args:
        known: secrets by value, wherever they may appear; very short ones are passed over.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {form for secret in known for form in _forms(secret.strip())}
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def clean(self, text: str) -> str:
        """The text without what is secret in it."""
        if self._known:
            text = self._known.sub(BLOT, text)
        for pattern, blot in _PATTERNS:
            text = pattern.sub(blot, text)
        return text

    def clean_data(self, value: Any, key: str = "") -> Any:
        """Data of JSON's kind without what is secret in it."""
        if isinstance(value, dict):
            return {name: self.clean_data(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.clean_data(item, key) for item in value]
        if isinstance(value, str):
            return BLOT if value and is_secret(key) else self.clean(value)
        return value


def _forms(secret: str) -> Iterator[str]:
    if len(secret) >= _SHORTEST:
        yield from (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])


def is_secret(key: str) -> bool:
    """Whether what is called so is a secret."""
    return bool(_SECRET_KEY.search(key))


# --- configurations ----------------------------------------------------------------------------


def secrets_of(path: Path) -> set[str]:
    """The secrets that a configuration holds, and those that it refers to and that are there."""
    from qhub.config.check import check
    from qhub.config.secrets import SecretRef
    from qhub.errors import MissingSecret

    document = documents.read(path)
    found = {value for value in _secret_values(document.data, ()) if value}
    config = check(path).config
    stack: list[Any] = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, SecretRef):
            try:
                found.add(value.resolve())
            except MissingSecret:
                continue
        elif isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, list):
            stack += value
        elif hasattr(value, "__pydantic_fields__"):
            stack += [getattr(value, name) for name in value.__pydantic_fields__]
    return found


def _secret_values(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_values(item, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _secret_values(item, path)
    elif isinstance(value, str) and _holds_secret(path, value):
        yield value


def _holds_secret(path: tuple[str, ...], value: str) -> bool:
    """Whether the value at this place of a configuration is one to hide."""
    if path[-1:] == ("env",) and re.fullmatch(r"[A-Za-z_]\w*", value):
        return False  # a reference: the name of a variable
    if path[-1:] == ("file",):
        return False
    custom = path[:3] == ("security", "authentication", "config")
    backend = path[:2] == ("terraform_state", "config")
    return custom or backend or any(is_secret(key) for key in path if key != "users")


def redacted(text: str, redactor: Redactor) -> str:
    """A configuration without secrets and comments; every line keeps its number.

    Of one that is no YAML, only the names of settings are left.
    """
    document = documents.parse(text, "")
    if document.data is None:
        return redactor.clean(_skeleton(text))
    root = tree(text)
    scalars = sorted(_scalars(root, ()), key=lambda item: item[0].start) if root else []
    parts, at = [], 0
    for node, path in scalars:
        parts.append(_without_comments(text[at : node.start]))
        written = text[node.start : node.end]
        hidden = path is not None and _holds_secret(path, node.text or "") and written
        parts.append(_blotted(written) if hidden else written)
        at = node.end
    parts.append(_without_comments(text[at:]))
    return redactor.clean("".join(parts))


def _scalars(node: Node, path: tuple[str, ...]) -> Iterator[tuple[Node, tuple[str, ...] | None]]:
    """Every scalar with its path; keys have none."""
    if node.text is not None:
        yield node, path
    elif node.is_mapping:
        for key, value in node.pairs():
            yield from ((found, None) for found, _ in _scalars(key, path))
            yield from _scalars(value, (*path, key.text or ""))
    else:
        for item in node.children:
            yield from _scalars(item, path)


def _blotted(written: str) -> str:
    return f"'{BLOT}'" + "\n" * written.count("\n")


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(^|(?<=[\s,{}\[\]:]))#.*$", "", text)


_WORD = re.compile(r"[^\s:,{}\[\]'\"?&*!|>-][^\s:,{}\[\]'\"]*")


def _skeleton(text: str) -> str:
    """What is sure to be no secret in a file that is no YAML: how the names of settings stand."""
    from qhub.config.schema import schema

    known = set(_names(schema()))
    plain = re.sub(r"(?m)(^|\s)#.*$", "", text)
    return _WORD.sub(lambda word: word[0] if word[0] in known else BLOT, plain)


def _names(value: Any) -> Iterator[str]:
    """Every name of a setting, and every word that one can be set to."""
    if isinstance(value, dict):
        yield from value.get("properties", {})
        yield from (str(item) for item in [*value.get("enum", []), value.get("const")])
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
