"""From YAML to plain data: scalars, anchors, merges, and everything that can be wrong.

The one door to ruamel.yaml. It takes the parser's events: that is faster than a graph of nodes,
needs no recursion, and an alias bomb never goes off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import ReaderError

from qhub.config.document import DEEPEST, MOST_VALUES, Document, Key, Place, place_of
from qhub.config.nearest import clipped, did_you_mean
from qhub.config.scalars import resolved
from qhub.config.syntax import explained, tab_near


class _Marker:
    """Stands for a key that is no text key."""


_NO_KEY, _MERGE, _SKIPPED = _Marker(), _Marker(), _Marker()
_NOWHERE = Place(0, 0)


@dataclass
class _Anchor:
    value: Any
    place: Place
    size: int = 0  # values it stands for; 0 while it is still open


@dataclass
class _Frame:
    """A mapping or list that is being read."""

    data: dict[Any, Any] | list[Any]
    places: dict[Key, tuple[Place, Place]]
    place: Place
    anchor: _Anchor | None
    size: int = 1
    key: Any = _NO_KEY
    key_place: Place = field(default=_NOWHERE)
    is_key: bool = False  # it stands where a key should; it is read and passed over
    merges: list[tuple[Any, Place]] = field(default_factory=list)


class _StopError(Exception):
    """Nothing more is to be had from this file."""


def build(text: str, document: Document) -> None:
    """Fills `document` with what `text` says."""
    builder = _Builder(document, text)
    try:
        for event in YAML(typ="safe", pure=True, plug_ins=[]).parse(text):
            builder.take(event)
    except _StopError:
        pass
    except ReaderError as error:
        builder.unprintable(error)
    except MarkedYAMLError as error:
        builder.failed(error)
    except Exception as error:  # malformed directives and escapes end in plain ones here and there
        builder.stumbled(error)
    builder.finish()


class _Builder:
    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.text = text
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchor] = {}
        self.last = Place(1, 1)
        self.documents = 0
        self.total = 0
        self.broken = False
        self.repeated: set[Place] = set()

    def take(self, event: Any) -> None:
        mark = event.start_mark
        self.last = place = Place(mark.line + 1, mark.column + 1)
        if isinstance(event, ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, CollectionEndEvent):
            self._close()
        elif isinstance(event, CollectionStartEvent):
            self._open(event, place)
        elif isinstance(event, AliasEvent):
            self._alias(event.anchor, place)
        elif isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._problem(place, "a second YAML document starts here", "keep one of them")
                raise _StopError

    def finish(self) -> None:
        """What can be said once everything is read: it has to be a mapping with something in it."""
        document, data = self.document, self.document.data
        if self.broken:
            document.data = None
        elif data == {} and not document.problems:
            self._problem(document.place(()), "the file sets nothing", _START)
        elif data is None:
            self._problem(Place(1, 1), "the file is empty", _START)
        elif not isinstance(data, dict):
            kind = "a list" if isinstance(data, list) else "a single value"
            message = f"this is {kind}; a configuration consists of `key: value` lines"
            self._problem(document.place(()), message, _START)
            document.data = None

    def unprintable(self, error: Any) -> None:
        """A control character, which YAML does not allow even in quotes."""
        message = f"the character U+{error.character:04X} is not allowed in YAML"
        self._problem(place_of(self.text, error.position), message, "delete it")
        self.broken = True

    def failed(self, error: Any) -> None:
        """The parser could not go on."""
        self.broken = True
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else self.last
        tab = tab_near(self.document.lines, place.line)
        if tab:
            self._problem(Place(*tab), "a tab in the indentation", "YAML indents with spaces only")
        else:
            self._problem(place, *explained(str(error.problem or error.context)))

    def stumbled(self, error: Exception) -> None:
        """The parser failed in a way that it does not foresee."""
        self.broken = True
        reason = str(error).partition("\n")[0] or type(error).__name__
        self._problem(self.last, *explained(reason))

    def _open(self, event: Any, place: Place) -> None:
        if len(self.frames) >= DEEPEST:
            self._fatal(place, f"this is nested more than {DEEPEST} levels deep")
        outer = self._expecting_key()
        if outer:
            self._problem(place, "a key has to be text, not a list or mapping", None)
            outer.key = _SKIPPED
        if event.ctag and str(event.ctag) not in _PLAIN_TAGS:
            self._tag(event, place)
        data: dict[Any, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        new = _Frame(data, {}, place, None, is_key=outer is not None)
        self.document.places[id(data)] = new.places
        if event.anchor:
            new.anchor = self.anchors[event.anchor] = _Anchor(data, place)
        self._count(place, 1)
        self.frames.append(new)

    def _close(self) -> None:
        frame = self.frames.pop()
        if isinstance(frame.data, dict):
            self._merge(frame)
        if frame.anchor:
            frame.anchor.size = frame.size
        if self.frames:
            self.frames[-1].size += frame.size
        if not frame.is_key:
            self._add(frame.data, frame.place)

    def _scalar(self, event: Any, place: Place) -> None:
        self._count(place, 1)
        plain = event.implicit[0]
        tag = None if plain or not event.ctag else str(event.ctag)
        if tag and tag not in _PLAIN_TAGS:
            self._tag(event, place)
        text = self._whole(event.value, place)
        value = resolved(text) if plain or tag in _TYPED_TAGS else text
        if plain:
            place = Place(place.line, place.column, text)
        if self.frames:
            self.frames[-1].size += 1
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, place, 1)
        frame = self._expecting_key()
        if frame:
            self._key(frame, value, text, place, plain)
        else:
            self._add(value, place)

    def _whole(self, text: str, place: Place) -> str:
        """The text with surrogate pairs, which JSON writes as two escapes, put together."""
        if text.isascii():
            return text
        joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\N{REPLACEMENT CHARACTER}" in joined and "\N{REPLACEMENT CHARACTER}" not in text:
            self._problem(place, "this text holds half a character (a lone surrogate)", "delete it")
        return joined

    def _key(self, frame: _Frame, value: Any, text: str, place: Place, plain: bool) -> None:
        if plain and text == "<<":
            frame.key, frame.key_place = _MERGE, place
            return
        if not isinstance(value, str):
            shown = f"`{clipped(text)}`" if text else "nothing"
            self._problem(place, f"a key has to be text, this is {shown}", f"quote it: '{text}'")
        first = frame.places.get(text)
        if first:
            both = [(place, first[0])]
            if first[0] not in self.repeated:
                self.repeated.add(first[0])
                both.append((first[0], place))
            for here, other in both:
                message = f"`{clipped(text)}` is set twice; the other one is in line {other.line}"
                self._problem(here, message, "keep one of them")
            frame.key = _SKIPPED
        else:
            frame.key, frame.key_place = text, place

    def _alias(self, name: str, place: Place) -> None:
        anchor = self.anchors.get(name)
        value: Any = None
        if anchor is None:
            near = did_you_mean(name, self.anchors)
            name = clipped(name)
            hint = f"define it first: `&{name}` before the value it stands for"
            self._problem(place, f"`*{name}` refers to no anchor{near}", hint)
        elif anchor.size == 0:
            self._problem(place, f"`*{clipped(name)}` would contain itself", None)
        else:
            value = anchor.value
            self._count(place, anchor.size)
        if self.frames:
            self.frames[-1].size += anchor.size if anchor else 1
        frame = self._expecting_key()
        if frame and isinstance(value, str):
            self._key(frame, value, value, place, False)
            return
        if frame:
            self._problem(place, "a key has to be text", None)
            frame.key = _SKIPPED
            return
        # Data under an alias keeps the places of its anchor; the alias itself stands here.
        self._add(value, Place(*place[:2], anchor.place.text) if anchor else place)

    def _expecting_key(self) -> _Frame | None:
        """The mapping whose next value is a key, if that is where we are."""
        frame = self.frames[-1] if self.frames else None
        return frame if frame and frame.key is _NO_KEY and isinstance(frame.data, dict) else None

    def _add(self, value: Any, place: Place) -> None:
        if not self.frames:
            self.document.data = value
            return
        frame = self.frames[-1]
        if isinstance(frame.data, list):
            frame.places[len(frame.data)] = (place, place)
            frame.data.append(value)
            return
        if frame.key is _MERGE:
            frame.merges.append((value, place))
        elif frame.key is not _SKIPPED:
            frame.data[frame.key] = value
            frame.places[frame.key] = (frame.key_place, place)
        frame.key = _NO_KEY

    def _merge(self, frame: _Frame) -> None:
        """`<<`: keys that the mapping does not set itself; of several sources the first wins."""
        assert isinstance(frame.data, dict)  # noqa: S101 - for the type checker
        for value, place in frame.merges:
            for source in value if isinstance(value, list) else [value]:
                if not isinstance(source, dict):
                    self._problem(place, "`<<` takes a mapping or a list of mappings", None)
                    continue
                places = self.document.places.get(id(source), {})
                for key, item in source.items():
                    if key not in frame.data:
                        frame.data[key] = item
                        frame.places[key] = places[key]

    def _tag(self, event: Any, place: Place) -> None:
        tag = clipped(str(event.ctag).replace("tag:yaml.org,2002:", "!!"))
        self._problem(place, f"the tag `{tag}` has no meaning here", "delete it")

    def _count(self, place: Place, values: int) -> None:
        self.total += values
        if self.total > MOST_VALUES:
            self._fatal(place, f"the file stands for more than {MOST_VALUES:,} values")

    def _problem(self, place: Place, message: str, hint: str | None) -> None:
        self.document.problems.append(self.document.problem_at(place, message, hint))

    def _fatal(self, place: Place, message: str) -> None:
        self._problem(place, message, "is this the right file?")
        self.broken = True
        raise _StopError


_START = "`qhub init` writes a configuration to start from"
_PLAIN_TAGS = {"!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))}
_TYPED_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null")}
_PLAIN_TAGS |= _TYPED_TAGS
