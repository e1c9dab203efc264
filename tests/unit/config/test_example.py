"""The example can't rot: it is valid, so is each of its alternatives, and none is missing."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qhub.config import Config, missing_secrets, parse
from qhub.config.document import parse as read
from qhub.config.providers import BLOCKS

from .alternatives import alternatives
from .support import EXAMPLE

TEXT = EXAMPLE.read_text("utf-8")
ALTERNATIVES = list(alternatives(TEXT))


def test_it_is_valid_as_it_stands() -> None:
    config = parse(TEXT)
    assert config.provider == "local"
    assert missing_secrets(config) == []


@pytest.mark.parametrize("text", ALTERNATIVES, ids=range(len(ALTERNATIVES)))
def test_an_alternative_is_valid(text: str) -> None:
    assert parse(text) != parse(TEXT)


def test_every_provider_is_there() -> None:
    assert {parse(text).provider for text in ALTERNATIVES} == set(BLOCKS)


def test_it_has_profiles_for_everyday_for_memory_and_for_gpus() -> None:
    sizes = [profile.kubespawner_override for profile in parse(TEXT).profiles.jupyterlab]
    assert [size.gpus for size in sizes] == [0, 0, 1]
    assert sizes[1].mem_limit.bytes > sizes[0].mem_limit.bytes


def test_it_shows_every_setting() -> None:
    shown = {path for text in [TEXT, *ALTERNATIVES] for path in _paths(read(text, "").data)}
    assert {path for path, _ in _settings(Config) if not _is_shown(path, shown)} == set()


def _is_shown(path: tuple[str, ...], shown: set[tuple[str, ...]]) -> bool:
    return any(
        len(path) == len(other) and all(a in ("*", b) for a, b in zip(path, other, strict=True))
        for other in shown
    )


def _paths(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _paths(value, (*path, key))
    elif isinstance(data, list):
        for value in data:
            yield from _paths(value, (*path, "*"))


def _settings(kind: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every setting and its path: `*` for names that users choose and items of lists."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        for member in get_args(kind):
            yield from _settings(member, path)
    elif get_origin(kind) in (dict, list):
        yield from _settings(get_args(kind)[-1], (*path, "*"))
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield (*path, name), field
            yield from _settings(field.annotation, (*path, name))


def test_every_setting_is_described() -> None:
    assert [path for path, field in _settings(Config) if not field.description] == []
