"""From pydantic's errors to problems in plain words, at the right place of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qhub.config.document import Document, KeyPath
from qhub.config.dropped import dropped
from qhub.config.nearest import clipped, did_you_mean, listed, nearest
from qhub.config.security import TYPES
from qhub.config.shape import fields_at, free_at
from qhub.errors import Problem

# A section whose default depends on another that is wrong already; not worth a word.
_SILENT = {"default_factory_not_called"}
_COMPARED = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}


def explain(error: ValidationError, document: Document) -> list[Problem]:
    """A problem for each of pydantic's errors."""
    found = error.errors(include_url=False)
    renamed = set(_renamed(found, document))
    problems = []
    for item in found:
        path, at_key = _path(item, document)
        if item["type"] in _SILENT or (item["type"] == "missing" and path in renamed):
            continue
        message, hint, path = _words(item, path, document)
        at_key = at_key or item["type"] == "extra_forbidden"
        problems.append(document.problem(path, message, hint, key=at_key))
    return problems


def _path(item: ErrorDetails, document: Document) -> tuple[KeyPath, bool]:
    """Where in the data the error is; pydantic's own path also names members of unions."""
    path: KeyPath = ()
    parts = item["loc"]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "[key]" and last:
            return path, True
        if document.has((*path, part)) or (last and item["type"] == "missing"):
            path = (*path, part)
    return path, False


def _renamed(found: list[ErrorDetails], document: Document) -> Iterator[KeyPath]:
    """Settings that are missing because they are there under a misspelt name."""
    for item in found:
        if item["type"] == "extra_forbidden":
            path, _ = _path(item, document)
            near = nearest(str(path[-1]), free_at(path[:-1], document))
            if near:
                yield (*path[:-1], near)


def _words(
    item: ErrorDetails, path: KeyPath, document: Document
) -> tuple[str, str | None, KeyPath]:
    """Message, hint and place of one error."""
    kind, context = item["type"], item.get("ctx", {})
    name = _named(path)
    value = document.value(path)
    if kind == "wrong":
        return context["message"], context["hint"] or None, path
    if kind == "missing":
        return (*_missing(path, document), path)
    if kind == "extra_forbidden":
        return (*_unknown(path, document), path)
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return (*_not_one_of(name, value, allowed, document.text(path)), path)
    if kind == "union_tag_invalid":
        allowed = re.findall(r"'([^']*)'", context["expected_tags"])
        return (*_not_one_of("`type`", context["tag"], allowed, None), (*path, "type"))
    if kind == "union_tag_not_found":
        return f"{name} lacks `type`", f"allowed: {', '.join(TYPES)}", path
    if kind in _COMPARED:
        key, words = _COMPARED[kind]
        return f"{name} is {words} {context[key]}, this is {_shown(value)}", None, path
    if kind == "too_short":
        least = context["min_length"]
        return f"{name} needs at least {least} item{'s'[: least > 1]}", None, path
    return (*_wrong_type(kind, name, value, document.text(path), context), path)


def _named(path: KeyPath) -> str:
    if path and isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {_named(path[:-1])}"
    return f"`{clipped(str(path[-1]))}`" if path else "the file"


def _missing(path: KeyPath, document: Document) -> tuple[str, str | None]:
    field = fields_at(path[:-1], document).get(str(path[-1]))
    hint = field.description if field else None
    if len(path) == 1:
        return f"`{path[-1]}` is missing", hint
    return f"{_named(path[:-1])} lacks `{path[-1]}`", hint


def _unknown(path: KeyPath, document: Document) -> tuple[str, str | None]:
    key = str(path[-1])
    gone = dropped(path)
    if gone:
        return f"`{key}` was dropped: {gone[0]}", gone[1]
    free = free_at(path[:-1], document)
    message = f"`{clipped(key)}` is not a setting here{did_you_mean(key, free)}"
    return message, f"allowed here: {listed(free, 40)}" if free else None


def _not_one_of(
    name: str, value: Any, allowed: list[str], text: str | None
) -> tuple[str, str | None]:
    hint = f"allowed: {listed(allowed, 40)}"
    if isinstance(value, str):
        near = did_you_mean(value, allowed)
        return f"`{clipped(value)}` is not a value of {name}{near}", hint
    if value is None:
        return f"{name} has no value", hint
    return f"{name} can't be {_shown(text if text is not None else value)}", hint


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_SHAPES = {
    "list_type": "write `[a, b]`, or one `- item` a line below it",
    "dict_type": "write `key: value` lines below it",
    "model_type": "write `key: value` lines below it",
    "model_attributes_type": "write `key: value` lines below it",
}


def _wrong_type(
    kind: str, name: str, value: Any, text: str | None, context: dict[str, Any]
) -> tuple[str, str | None]:
    if context.get("class_name") == "SecretRef":
        message = f"{name} is a secret, and secrets don't belong in this file"
        return message, "refer to it: {env: NAME} or {file: PATH}"
    expected = _KINDS.get(kind)
    if expected is None:
        return f"{name} has a value that does not fit here", None
    if value is None:
        return f"{name} has no value; it is {expected}", "write one, or delete the key"
    plain = text is not None and not isinstance(value, str)
    if kind == "string_type" and plain:
        read = "a truth value" if isinstance(value, bool) else f"the number {value}"
        return f"{name} is text, but without quotes `{text}` is {read}", f"quote it: '{text}'"
    hint = _SHAPES.get(kind)
    if kind == "int_type" and isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        hint = f"remove the quotes: {value}"
    if kind == "bool_type" and str(value).lower() in ("yes", "on", "1", "no", "off", "0"):
        hint = f"write {'true' if str(value).lower() in ('yes', 'on', '1') else 'false'}"
    return f"{name} is {expected}, this is {_shown(value)}", hint


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = clipped(str(value))
    return f"`{text}`" if text else "empty text"
