"""What the YAML parser says when it can't go on, in words that help."""

from __future__ import annotations

import re

from qhub.config.nearest import clipped

# A pattern of the parser's words, what to say instead, and what to do.
_SAID: list[tuple[str, str, str]] = [
    (
        "mapping values are not allowed",
        "a second `:` in this line, or an indentation that does not fit",
        "indent it like its neighbours; quote text that holds `: `",
    ),
    (
        "could not find expected ':'",
        "a `:` after the key is missing before here",
        "write `key: value`, with a space after the colon",
    ),
    (
        "did not find expected <block end>|expected <block end>",
        "the indentation does not fit the lines above",
        "keys of one mapping start in the same column",
    ),
    (
        "expected ',' or '[\\]}]'|expected ',' or",
        "a `,` or the closing bracket is missing",
        "close `[…]` and `{…}`, and separate their parts by commas",
    ),
    (
        "found unexpected end of stream|while scanning a quoted scalar",
        "the text in quotes does not end",
        "close the quote",
    ),
    (
        "cannot start any token|found unknown escape character",
        "text can't start or go on with this character",
        "quote it",
    ),
    (
        "tag handle",
        "the tag has no meaning here",
        "delete it",
    ),
]


def explained(problem: str) -> tuple[str, str | None]:
    """Message and hint for what the parser says."""
    for pattern, message, hint in _SAID:
        if re.search(pattern, problem):
            return message, hint
    return f"this is not valid YAML: {clipped(problem, 120)}", None


def tab_near(lines: list[str], line: int) -> tuple[int, int] | None:
    """Line and column of the tab that indents the line (from 1) or the one before it."""
    for number in (line, line - 1):
        text = lines[number - 1] if 0 < number <= len(lines) else ""
        indentation = text[: len(text) - len(text.lstrip())]
        if "\t" in indentation and text.strip():
            return number, indentation.index("\t") + 1
    return None
