"""Takes the alternatives of the example file: what stands there after a `#` without a space."""

from __future__ import annotations

import re
from collections.abc import Iterator

_YAML = re.compile(r"^( *)#((?:  )*)([A-Za-z_-].*|\{.*)$")


def alternatives(text: str) -> Iterator[str]:
    """The file once for each run of commented settings, with these instead of what they replace.

    A run ends where one of its keys comes again, so that `#type: a` and `#type: b` are two.
    """
    for first, last in _runs(text.splitlines()):
        yield _taken(text.splitlines(), first, last)


def _runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    start, keys = None, set[str]()
    for number, line in enumerate([*lines, ""]):
        match = _YAML.match(line)
        key = _key(line)
        if start is not None and (not match or (key and key in keys)):
            yield start, number
            start, keys = None, set()
        if match and start is None:
            start = number
        if match and key:
            keys.add(key)


def _key(line: str) -> str | None:
    """The key of the outermost level of a commented line."""
    match = _YAML.match(line)
    return match[3].partition(":")[0] if match and not match[2] else None


def _taken(lines: list[str], first: int, last: int) -> str:
    margin = len(lines[first]) - len(lines[first].lstrip())
    chosen = [line[:margin] + line[margin + 1 :] for line in lines[first:last]]
    keys = {key for key in map(_key, lines[first:last]) if key}
    if "provider" in keys:
        keys.add("local")
    before = _without(lines[:first], keys, margin, backwards=True)
    after = _without(lines[last:], keys, margin, backwards=False)
    return "\n".join([*before, *chosen, *after]) + "\n"


def _without(lines: list[str], keys: set[str], margin: int, *, backwards: bool) -> list[str]:
    """The lines without the settings `keys` of the mapping whose keys stand at `margin`."""
    kept, dropping, inside = list[str](), False, True
    for number in _scope(lines, margin, backwards=backwards):
        line = lines[number]
        indentation = len(line) - len(line.lstrip())
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if indentation <= margin:
            dropping = indentation == margin and line.strip().partition(":")[0] in keys
        if dropping and inside:
            lines = [*lines[:number], "#", *lines[number + 1 :]]
    kept.extend(lines)
    return kept


def _scope(lines: list[str], margin: int, *, backwards: bool) -> range:
    """The lines that belong to the same mapping."""

    def outside(line: str) -> bool:
        content = line.lstrip()
        return bool(content) and content[0] != "#" and len(line) - len(content) < margin

    if backwards:
        start = max((n for n, line in enumerate(lines) if outside(line)), default=-1) + 1
        return range(start, len(lines))
    return range(min((n for n, line in enumerate(lines) if outside(line)), default=len(lines)))
