"""The charts: where they are, and what values they take."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qhub.stages.infrastructure import OLDEST_KUBERNETES
from tests import beside
from tests.releases import Release, merged

OWN = beside.ROOT / "qhub" / "templates" / "charts"
UNSET: dict[str, dict[str, Any]] = {
    "jitsi-meet": {
        **{part: {"image": {"tag": "str"}} for part in ("web", "prosody", "jicofo")},
        "jvb": {"image": {"tag": "str"}, "nodePort": "int", "publicIPs": "list"},
    }
}
"""Values that a chart takes and whose names its own values have in a comment alone."""

TYPES = {"str": str, "int": int, "bool": bool, "list": list}


def own_charts() -> list[Path]:
    """Charts that the repository holds."""
    return sorted(path.parent for path in OWN.glob("*/Chart.yaml"))


def problems(release: Release) -> list[str]:
    """Values that the release's chart does not take, each with why."""
    own = OWN / release.chart / "values.schema.json"
    folder = own.parent if own.is_file() else beside.shared("chart-schemas")
    shape = folder / f"{release.chart}.shape.json"
    if shape.is_file():
        known = merged(json.loads(shape.read_text()), UNSET.get(release.chart, {}))
        return list(_misfits(release.values, known))
    schema = json.loads((own if own.is_file() else folder / f"{release.chart}.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(_of_a_part(schema))
    errors = validator.iter_errors(_without_null(release.values))
    return [f"{error.json_path}: {error.message}" for error in errors]


def _of_a_part(schema: Any) -> Any:
    """The schema for part of the values: what is required may be among the chart's own."""
    if isinstance(schema, list):
        return [_of_a_part(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _of_a_part(value)
        for key, value in schema.items()
        if not (key == "required" and isinstance(value, list))
    }


def _without_null(values: Any) -> Any:
    """Values as the schema sees them: null has taken away what the chart had."""
    if isinstance(values, dict):
        return {key: _without_null(value) for key, value in values.items() if value is not None}
    return values


def _misfits(values: dict[str, Any], shape: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Where values are no part of a shape, which maps names to types; an empty one takes any."""
    for name, value in values.items():
        place, wanted = f"{path}.{name}", shape.get(name)
        if name not in shape:
            yield f"{place}: the chart has no such value"
        elif isinstance(wanted, dict) and not isinstance(value, dict):
            yield f"{place}: is {type(value).__name__}, not a mapping"
        elif isinstance(wanted, dict):
            yield from _misfits(value, wanted, place) if wanted else ()
        elif wanted in TYPES and type(value) is not TYPES[wanted] and value is not None:
            yield f"{place}: is {type(value).__name__}, not {wanted}"


def helm(*arguments: str | Path, stdin: str = "") -> str:
    """What a command of Helm's prints; it has to succeed."""
    if not shutil.which("helm"):
        pytest.skip("helm is not on PATH")
    done = subprocess.run(
        ["helm", *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def template(release: Release) -> str:
    """The manifests that Helm would apply; it looks at the values with the chart's schema, too."""
    own, mirror = OWN / release.chart, beside.mirror("charts")
    folder = own if own.is_dir() else mirror / release.chart if mirror else None
    if folder is None or not folder.is_dir():
        pytest.skip(f"the chart {release.chart} is not at hand (in charts/ of $QHUB_TEST_MIRROR)")
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    options = ("--namespace", release.namespace, "--kube-version", oldest, "--values", "-")
    return _rendered(release.name, folder, options, json.dumps(release.values, sort_keys=True))


@cache
def _rendered(name: str, chart: Path, options: tuple[str, ...], values: str) -> str:
    return helm("template", name, chart, *options, stdin=values)
