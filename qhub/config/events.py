"""The one door to ruamel.yaml: text becomes events.

Only its reader, scanner and parser are imported. `import ruamel.yaml` also loads what writes
YAML and what keeps comments, which is most of it and a fifth of the time of `qhub validate`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_PACKAGE = "ruamel.yaml"


def _parts(*names: str) -> list[Any]:
    """Modules of the package, without running the package's own `__init__`.

    An empty package stands in for it meanwhile, and nothing of it stays behind: whoever imports
    the real one later gets all of it, made anew.
    """
    if _PACKAGE in sys.modules:
        return [import_module(f"{_PACKAGE}.{name}") for name in names]
    package, spec = ModuleType(_PACKAGE), find_spec(_PACKAGE)
    package.__path__ = list((spec and spec.submodule_search_locations) or [])
    sys.modules[_PACKAGE] = package
    try:
        return [import_module(f"{_PACKAGE}.{name}") for name in names]
    finally:
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{_PACKAGE}.")]:
            del sys.modules[name]


_reader, _scanner, _parser, _events, _error, _docinfo = _parts(
    "reader", "scanner", "parser", "events", "error", "docinfo"
)
Alias = _events.AliasEvent
CollectionEnd = _events.CollectionEndEvent
CollectionStart = _events.CollectionStartEvent
DocumentStart = _events.DocumentStartEvent
MappingStart = _events.MappingStartEvent
Scalar = _events.ScalarEvent
SyntaxProblem: type[Exception] = _error.MarkedYAMLError
Unprintable: type[Exception] = _reader.ReaderError


class _Loader:
    """What the parts ask of each other: YAML 1.2, comments passed over."""

    comment_handling = None
    processing_version = (1, 2)

    def __init__(self, text: str) -> None:
        self.tags: dict[str, str] = {}
        self.version = None
        self.doc_infos = [_docinfo.DocInfo()]
        self._resolver = self
        self._reader = _reader.Reader(text, loader=self)
        self._scanner = _scanner.Scanner(loader=self)
        self._parser = _parser.Parser(loader=self)


def events(text: str) -> Iterator[Any]:
    """The parser's events of `text`. Raises SyntaxProblem and Unprintable, both with a place."""
    parser = _Loader(text)._parser
    while parser.check_event():
        yield parser.get_event()
