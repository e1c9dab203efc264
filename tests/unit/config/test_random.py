"""No input gives a traceback: each gives a configuration, or problems that are well formed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhub.config import Config, check, parse
from qhub.config.document import parse as read
from qhub.config.schema import schema
from qhub.errors import ConfigError

from .support import EXAMPLE

QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DATA = read(EXAMPLE.read_text("utf-8"), "").data
TEXT = json.dumps(DATA)
VALIDATOR = jsonschema.Draft202012Validator(schema())


def judged(text: str) -> Config | None:
    """The configuration, or None after a look at the problems."""
    try:
        return parse(text, "f.yaml")
    except ConfigError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert problem.message
        assert problem.severity == "error"
        assert 0 < problem.line <= len(text.splitlines()) + 2
        assert problem.column > 0
        assert "could not be checked" not in problem.message
        assert problem.message.isprintable()
    places = [(problem.line, problem.column) for problem in problems]
    assert places == sorted(places)
    return None


@QUICK
@given(st.binary(max_size=300))
def test_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    report = check(path)
    assert (report.config is None) == bool(report.problems)


@QUICK
@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%@` \n\t#,<~1.\\0", max_size=60))
def test_text_that_looks_like_yaml(text: str) -> None:
    assert judged(text) is None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["local", "aws", "admin", "4G", "1.20", "yes", "password", "", "../..", "~"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=5), st.sampled_from(sorted(DATA))), inner),
    ),
    max_leaves=12,
)


@QUICK
@given(TREES)
def test_trees(tree: Any) -> None:
    judged(json.dumps(tree))


@QUICK
@given(st.dictionaries(st.sampled_from(sorted(Config.model_fields)), TREES, max_size=6))
def test_trees_below_the_settings(tree: dict[str, Any]) -> None:
    judged(json.dumps({**DATA, **tree}))


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    found = [path] if path else []
    for key, value in items:
        found += places(value, (*path, key))
    return found


PLACES = places(DATA)


def parent_of(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


@QUICK
@given(st.sampled_from(PLACES), st.data())
def test_a_mutation_of_the_example(path: tuple[Any, ...], draw: st.DataObject) -> None:
    data = copy.deepcopy(DATA)
    parent = parent_of(data, path)
    kind = draw.draw(st.sampled_from(["delete", "rename", "retype", "wrap"]))
    value = parent.pop(path[-1])
    if kind == "rename" and isinstance(parent, dict):
        parent[draw.draw(st.text(max_size=12))] = value
    elif kind in ("retype", "wrap"):
        changed = [value] if kind == "wrap" else draw.draw(TREES)
        if isinstance(parent, dict):
            parent[path[-1]] = changed
        else:
            parent.insert(path[-1], changed)
    text = json.dumps(data)
    # The schema never refuses what validate accepts.
    if judged(text) is not None:
        assert list(VALIDATOR.iter_errors(read(text, "").data)) == []


@QUICK
@given(st.sampled_from([path for path in PLACES if isinstance(path[-1], str)]))
def test_a_misspelt_key_suggests_the_right_one(path: tuple[Any, ...]) -> None:
    data = copy.deepcopy(DATA)
    parent, key = parent_of(data, path), path[-1]
    if not _is_setting(path) or len(key) < 5:
        return
    wrong = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key + "x"
    parent[wrong] = parent.pop(key)
    try:
        parse(json.dumps(data))
    except ConfigError as error:
        said = [problem.message for problem in error.problems]
        assert f"`{wrong}` is not a setting here; did you mean `{key}`?" in said
    else:
        raise AssertionError(wrong)


def _is_setting(path: tuple[Any, ...]) -> bool:
    """Whether the last key is one of ours, not a name that the user chose."""
    chosen = {("security", "users"), ("security", "groups"), ("profiles", "dask_worker"),
              ("environments",), ("cluster", "quota")}  # fmt: skip
    return path[:-1] not in chosen and path[-2:-1] not in {
        ("environment",),
        ("node_selector",),
        ("extra_resource_limits",),
    }


@QUICK
@given(st.integers(0, len(TEXT)), st.text(max_size=3), st.integers(0, 5))
def test_a_slip_of_the_hand(position: int, typed: str, deleted: int) -> None:
    judged(TEXT[:position] + typed + TEXT[position + deleted :])
