"""The JSON Schema of the configuration file, for editors."""

from __future__ import annotations

import json
from typing import Any

from qhub.config.model import Config
from qhub.config.providers import BLOCKS


def schema() -> dict[str, Any]:
    """The schema of the whole file.

    It never refuses what `qhub validate` accepts; rules between sections are `validate`'s alone.
    """
    found: dict[str, Any] = _tidied(Config.model_json_schema())
    found["$defs"]["SecretRef"]["oneOf"] = [{"required": ["env"]}, {"required": ["file"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "QHub configuration",
        **found,
        "allOf": [_own_section(name) for name in BLOCKS if name != "local"],
    }


def schema_text() -> str:
    """The schema as it is written beside a configuration."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _own_section(provider: str) -> dict[str, Any]:
    """What a provider needs at the top of the file."""
    needed = ["domain"] if provider == "existing" else ["domain", BLOCKS[provider]]
    this = {"properties": {"provider": {"const": provider}}, "required": ["provider"]}
    return {"if": this, "then": {"required": needed}}


def _tidied(node: Any) -> Any:
    """Without titles that repeat the names, and with names of users checked where they stand."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidied(item) for key, item in node.items() if key not in _NOISE}
    if "properties" in node:
        tidy["properties"] = {name: _tidied(item) for name, item in node["properties"].items()}
    if "patternProperties" in tidy:
        [(pattern, values)] = tidy.pop("patternProperties").items()
        tidy["propertyNames"] = {**tidy.get("propertyNames", {}), "pattern": pattern}
        tidy["additionalProperties"] = values
    return tidy


# pydantic's titles, and a keyword of OpenAPI that JSON Schema does not know.
_NOISE = {"title", "discriminator"}
