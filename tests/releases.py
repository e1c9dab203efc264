"""Deployments without a cluster: all stages of a config, by a real Terraform, nothing made.

Each stage is given what the ones before it gave out. What comes of it are the Helm releases with
the very values that Helm would get.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qhub.config import Config
from qhub.stages import of
from qhub.terraform import Engine
from tests.rendered import AnyStage, Rendered

TABLE = "table.tftest.json"


@dataclass(frozen=True)
class Release:
    """A Helm release: `values` are what its chart's own are merged with."""

    name: str
    chart: str
    namespace: str
    values: dict[str, Any]


def releases(
    configs: Mapping[str, Config], engine: Engine, environment: dict[str, str], scratch: Path
) -> dict[str, list[Release]]:
    """The releases of each config, by its name."""
    outputs: dict[str, dict[str, Any]] = {name: {} for name in configs}
    found: dict[str, list[Release]] = {name: [] for name in configs}
    for stage in sorted(of("existing"), key=lambda stage: stage.name):
        chosen = {name: config for name, config in configs.items() if stage.applies_to(config)}
        if not chosen:
            continue
        [any_config, *_] = chosen.values()
        module = Rendered(stage, any_config, scratch / stage.name, engine, environment)
        module.write()
        module.terraform("init", "-input=false")
        variables = {name: _variables(stage, chosen[name], outputs[name]) for name in chosen}
        for name, state in states(module, variables).items():
            given = {key: entry.get("value") for key, entry in state["outputs"].items()}
            outputs[name][stage.noun] = given
            found[name] += releases_of(state)
    return found


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Values of Helm's: mappings key by key, everything else as a whole; null takes away."""
    result = copy.deepcopy(under)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _variables(stage: AnyStage, config: Config, outputs: Mapping[str, Any]) -> dict[str, Any]:
    upstream = {needed().noun: outputs[needed().noun] for needed in stage.depends_on}
    return {**upstream, **stage.inputs(config).model_dump(mode="json")}


def states(module: Rendered, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What Terraform's state is like with one set of variables after another, by their names.

    Sets that are equal are applied once.
    """
    names: dict[str, list[str]] = {}
    for name, given in variables.items():
        names.setdefault(json.dumps(given, sort_keys=True), []).append(name)
    runs = {same[0]: {"variables": variables[same[0]]} for same in names.values()}
    versions = (module.folder / "versions.tf").read_text()
    mocked = re.findall(r'source\s*=\s*"[^"]*/([a-z]+)"', versions)
    table = json.dumps({"mock_provider": {name: {} for name in mocked}, "run": runs})
    # JSON is HCL but for template markers, which HCL would evaluate.
    text = table.replace("${", "$${").replace("%{", "%%{")
    (module.folder / TABLE).write_text(text)
    said = module.terraform("test", "-json", "-verbose", f"-filter={TABLE}")
    events = [json.loads(line) for line in said.splitlines() if '"type":"test_state"' in line]
    states = {event["@testrun"]: event["test_state"] for event in events}
    return {name: states[same[0]] for same in names.values() for name in same}


def releases_of(state: dict[str, Any]) -> list[Release]:
    """The releases in a state of Terraform's."""
    found = []
    for resource in state["root_module"].get("resources", ()):
        if resource["type"] == "helm_release":
            told = resource["values"]
            values: dict[str, Any] = {}
            for layer in told["values"]:
                values = merged(values, json.loads(layer))
            chart = Path(told["chart"]).name
            found.append(Release(told["name"], chart, told["namespace"], values))
    return found
