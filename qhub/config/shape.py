"""Which settings are allowed where."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qhub.config.document import Document, KeyPath
from qhub.config.model import Config
from qhub.config.nearest import nearest


def fields_at(path: KeyPath, document: Document) -> dict[str, FieldInfo]:
    """The settings that the mapping at `path` can have; none if it may hold anything."""
    kind: Any = Config
    for index, key in enumerate(path):
        kind = _model(kind, document.value(path[:index]) if index else document.data)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(key))
            kind = field.annotation if field else None
        else:
            kind = get_args(kind)[-1] if get_origin(kind) in (dict, list) else None
    kind = _model(kind, document.value(path) if path else document.data)
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _model(kind: Any, value: Any) -> Any:
    """Strips what stands around a type; of a union the member that `value` says it is."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (Union, UnionType):
        return kind
    members = [_model(member, value) for member in get_args(kind)]
    members = [m for m in members if m is not type(None) and m is not str]
    tag = value.get("type") if isinstance(value, dict) else None
    for member in members:
        field = getattr(member, "model_fields", {}).get("type")
        if field and tag in get_args(field.annotation):
            return member
    return members[0] if members else None


def free_at(path: KeyPath, document: Document) -> list[str]:
    """The settings that the mapping at `path` can have and does not."""
    there = document.value(path)
    return [name for name in fields_at(path, document) if name not in (there or ())]


def meant(path: KeyPath, document: Document) -> bool:
    """Whether the file has this setting, or one that is probably a misspelling of it."""
    there = document.value(path[:-1])
    if not isinstance(there, dict):
        return False
    if path[-1] in there:
        return True
    known = fields_at(path[:-1], document)
    unknown = [name for name in there if name not in known]
    free = free_at(path[:-1], document) if unknown else []
    return any(nearest(name, free) == path[-1] for name in unknown)
