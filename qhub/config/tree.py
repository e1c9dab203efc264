"""A configuration file as a tree that knows which characters each part takes, to be edited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    ScalarEvent,
)


@dataclass
class Node:
    """A value or key: `text[start:end]`. `children` of a mapping are keys and values by turns."""

    start: int
    end: int
    column: int = 0  # counted from 0
    text: str | None = None  # of a scalar
    is_mapping: bool = False
    is_flow: bool = False  # written with brackets
    children: list[Node] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Key and value of each entry of a mapping."""
        yield from zip(self.children[::2], self.children[1::2], strict=False)

    def value(self, key: str) -> Node | None:
        """What the mapping has at `key`; None where it has nothing."""
        return next((value for name, value in self.pairs() if name.text == key), None)

    def key(self, value: Node) -> Node:
        """The key of one of the mapping's values."""
        return next(name for name, other in pairwise(self.children) if other is value)

    @property
    def says_nothing(self) -> bool:
        """Whether it is an empty mapping, or null."""
        if self.is_mapping:
            return not self.children
        return self.end - self.start < 5 and self.text in ("", "~", "null", "Null", "NULL")


def tree(text: str) -> Node | None:
    """The tree of a text that is sound YAML; None where it is empty."""
    root, open_nodes = Node(0, len(text)), list[Node]()
    for event in YAML(typ="safe", pure=True, plug_ins=[]).parse(text):
        if isinstance(event, CollectionEndEvent):
            _close(open_nodes.pop(), event, text)
        elif isinstance(event, CollectionStartEvent | ScalarEvent | AliasEvent):
            parent = open_nodes[-1] if open_nodes else root
            node = _node(event, parent, text)
            parent.children.append(node)
            if isinstance(event, CollectionStartEvent):
                open_nodes.append(node)
    return root.children[0] if root.children else None


def _node(event: Any, parent: Node, text: str) -> Node:
    node = Node(event.start_mark.index, event.end_mark.index, event.start_mark.column)
    if isinstance(event, CollectionStartEvent):
        node.is_mapping, node.is_flow = isinstance(event, MappingStartEvent), bool(event.flow_style)
    if not isinstance(event, ScalarEvent):
        return node
    node.text = event.value
    if node.start == node.end and parent.is_mapping and len(parent.children) % 2:
        # The parser puts a value that isn't there behind the comments that follow.
        node.start = node.end = text.index(":", parent.children[-1].end) + 1
    node.end = node.start + len(text[node.start : node.end].rstrip(" \t\r\n"))
    return node


def _close(node: Node, event: Any, text: str) -> None:
    """Where a collection ends: with brackets behind the last, else where its last part does."""
    if node.is_flow:
        node.end = event.end_mark.index
    elif node.children:
        node.end = node.children[-1].end
