"""Looking at data that may be anything: what does not fit is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from qhub.config.document import Document, KeyPath
from qhub.config.providers import BLOCKS
from qhub.config.shape import meant


class Finding(NamedTuple):
    """Something wrong at `path`; `key` points at the key there instead of its value."""

    path: KeyPath
    message: str
    hint: str | None = None
    key: bool = False


class Look:
    """Typed access to a document that need not be valid."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data

    def has(self, *path: str | int) -> bool:
        return self.document.has(path)

    def value(self, *path: str | int) -> Any:
        return self.document.value(path)

    def text(self, *path: str | int) -> str | None:
        """The text at `path`, None if there is none or something else."""
        value = self.document.value(path)
        return value if isinstance(value, str) else None

    def meant(self, *path: str | int) -> bool:
        """Whether the file has this setting, if only misspelt; that is complained of anyway."""
        return meant(path, self.document)

    def mapping(self, *path: str | int) -> dict[str, Any]:
        """The mapping at `path`, empty if there is none or something else."""
        value = self.document.value(path)
        return value if isinstance(value, dict) else {}

    def sections(self, *path: str | int) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """The mappings inside the mapping or list at `path`, each with its own path."""
        value = self.document.value(path)
        items = value.items() if isinstance(value, dict) else ()
        for key, item in enumerate(value) if isinstance(value, list) else items:
            if isinstance(item, dict):
                yield (*path, key), item

    def texts(self, *path: str | int) -> Iterator[tuple[KeyPath, str]]:
        """The texts in the list at `path` (or the one text there), each with its own path."""
        value = self.document.value(path)
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, str):
                    yield (*path, index), item

    @property
    def provider(self) -> str | None:
        """The provider; None if what the file says is none."""
        name = self.data.get("provider", "local")
        return name if isinstance(name, str) and name in BLOCKS else None
