"""Changes to the text of a configuration that leave every other character as it is.

    put(text, ("security", "users", "ben"), {...})   sets what is there, adds what is not
    remove(text, ("security", "users", "ben"))

Both work on the text that the parser saw: comments, order, indentation and line ends stay. What
comes out is read again, and has to say exactly what was asked for.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from qhub.config import document as documents
from qhub.config.scaffold import plain
from qhub.config.tree import Node, tree
from qhub.errors import UsageError

Value = dict[str, Any] | list[str] | str | int
Path = tuple[str, ...]

_COMMA = re.compile(r"(?:[ \t\r\n]+(?:#[^\r\n]*)?)*,")
_DEEPER = re.compile(r"(\r\n|\n|\r)( *)#[^\r\n]*")
_LINE_END = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|$)")


def put(text: str, path: Path, value: Value) -> str:
    """The text with `value` at `path`; mappings above it are made where they are missing.

    Raises:
        UsageError: The text is written in a way that this can't change.
    """
    node = tree(text)
    for depth, key in enumerate(path):
        if node is None or not node.is_mapping:
            break
        rest = _nested(path[depth + 1 :], value)
        found = node.value(key)
        if found is None:
            return _checked(text, _appended(text, node, key, rest), path, value)
        if depth == len(path) - 1 or found.says_nothing:
            return _checked(text, _replaced(text, node, found, rest), path, value)
        node = found
    raise _by_hand(path, value)


def remove(text: str, path: Path) -> str:
    """The text without the mapping's entry at `path`, which is there.

    Raises:
        UsageError: The text is written in a way that this can't change.
    """
    nodes = [tree(text)]
    for key in path:
        above = nodes[-1]
        nodes.append(above.value(key) if above is not None else None)
    grandparent, parent, node = nodes[-3:]
    if grandparent is None or parent is None or node is None:
        raise _by_hand(path, None)
    if len(parent.children) == 2:
        new = _emptied(text, parent, grandparent.key(parent))
    elif parent.is_flow:
        new = _cut_flow(text, parent, node)
    else:
        start = text.rfind("\n", 0, parent.key(node).start) + 1
        end = _after_comments(text, node.end, parent.children[0].column)
        rest = text[end:].removeprefix("\r").removeprefix("\n")
        new = text[:start] + rest if end < len(text) else text[:start].rstrip("\r\n")
    return _checked(text, new, path, None)


def _nested(path: Path, value: Value) -> Value:
    for key in reversed(path):
        value = {key: value}
    return value


def _newline(text: str) -> str:
    found = re.search(r"\r\n|\n|\r", text)
    return found[0] if found else "\n"


# --- writing values ----------------------------------------------------------------------------


def _flow(value: Value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{plain(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(plain(item) for item in value) + "]"
    return plain(value) if isinstance(value, str) else str(value)


def _block(key: str, value: Value, column: int, step: int) -> list[str]:
    """The lines of an entry; a mapping of one number stays in brackets, as people write it."""
    margin = " " * column
    short = isinstance(value, dict) and [type(item) for item in value.values()] == [int]
    if not isinstance(value, dict) or short:
        return [f"{margin}{plain(key)}: {_flow(value)}"]
    below = [line for k, v in value.items() for line in _block(k, v, column + step, step)]
    return [f"{margin}{plain(key)}:", *below]


def _step(mapping: Node) -> int:
    """How far the entries of the mapping's own mappings are indented."""
    for _, value in mapping.pairs():
        if value.is_mapping and not value.is_flow and value.children:
            return max(1, value.children[0].column - mapping.children[0].column)
    return 2


# --- adding ------------------------------------------------------------------------------------


def _appended(text: str, mapping: Node, key: str, value: Value) -> str:
    if mapping.is_flow:
        return _appended_flow(text, mapping, f"{plain(key)}: {_flow(value)}")
    column = mapping.children[0].column
    last = mapping.children[-1]
    if last.is_mapping and last.is_flow and last.children and isinstance(value, dict):
        lines = [f"{' ' * column}{plain(key)}: {_flow(value)}"]  # as its neighbour is written
    else:
        lines = _block(key, value, column, _step(mapping))
    return _with_lines(text, _after_comments(text, mapping.end, column), lines)


def _appended_flow(text: str, mapping: Node, entry: str) -> str:
    if not mapping.children:
        return text[: mapping.end - 1].rstrip() + entry + text[mapping.end - 1 :]
    end = mapping.children[-1].end
    comma = _COMMA.match(text, end)
    after = comma.end() if comma else end
    line_start = text.rfind("\n", 0, mapping.children[-2].start) + 1
    margin = text[line_start : mapping.children[-2].start]
    line_end = _line_end(text, after)
    if margin.isspace() and line_end < mapping.end - 1:
        tail = text[after:line_end] + _newline(text) + margin + entry + ("," if comma else "")
        return text[:end] + (text[end:after] or ",") + tail + text[line_end:]
    return text[:end] + ", " + entry + text[end:]


def _replaced(text: str, parent: Node, old: Node, value: Value) -> str:
    if not isinstance(value, dict) or parent.is_flow:
        space = " " if old.start == old.end else ""
        return text[: old.start] + space + _flow(value) + text[old.end :]
    # Nothing, `~` or `{}` stood there: the entries go below.
    before = text[: old.start].rstrip(" \t")
    column, step = parent.children[0].column, _step(parent)
    lines = [line for k, v in value.items() for line in _block(k, v, column + step, step)]
    text = before + text[old.end :]
    return _with_lines(text, _line_end(text, len(before)), lines)


def _with_lines(text: str, at: int, lines: list[str]) -> str:
    newline = _newline(text)
    return text[:at] + newline + newline.join(lines) + text[at:]


def _line_end(text: str, at: int) -> int:
    """The end of the line, if nothing but a comment follows; else where we are."""
    found = _LINE_END.match(text, at)
    return found.end() if found else at


def _after_comments(text: str, at: int, column: int) -> int:
    """The end of an entry's last line, and of comments below that are indented as its parts."""
    at = _line_end(text, at)
    while found := _DEEPER.match(text, at):
        if len(found[2]) <= column:
            break
        at = found.end()
    return at


# --- removing ----------------------------------------------------------------------------------


def _emptied(text: str, mapping: Node, key: Node) -> str:
    if mapping.is_flow:
        return text[: mapping.start] + "{}" + text[mapping.end :]
    colon = text.index(":", key.end) + 1
    start = text.rfind("\n", 0, mapping.start)
    end = _after_comments(text, mapping.end, mapping.children[0].column)
    return text[:colon] + " {}" + text[colon:start].rstrip("\r") + text[end:]


def _cut_flow(text: str, mapping: Node, node: Node) -> str:
    index = next(i for i, child in enumerate(mapping.children) if child is node)
    if index == 1:
        return text[: mapping.children[0].start] + text[mapping.children[2].start :]
    return text[: mapping.children[index - 2].end] + text[node.end :]


# --- being sure --------------------------------------------------------------------------------


def _checked(old: str, new: str, path: Path, value: Value | None) -> str:
    wanted = copy.deepcopy(documents.parse(old, "").data)
    above = wanted
    for key in path[:-1]:
        if above.get(key) is None:
            above[key] = {}
        above = above[key]
    if value is None:
        del above[path[-1]]
    else:
        above[path[-1]] = value
    found = documents.parse(new, "")
    if found.problems or found.data != wanted:
        raise _by_hand(path, value)
    return new


def _by_hand(path: Path, value: Value | None) -> UsageError:
    where = ".".join(path)
    if value is None:
        return UsageError(f"{where} can't be removed from how this file is written", "Do it there.")
    if isinstance(value, dict):
        lines = "\n".join(_block(path[-1], value, 0, 2))
        hint = f"add this below {'.'.join(path[:-1])} in the file:\n{lines}"
    else:
        hint = "change it in the file"
    return UsageError(f"{where} can't be changed in the way this file is written", hint)
