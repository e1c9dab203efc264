"""The JSON Schema of the configuration file, for editors."""

from __future__ import annotations

import json
from typing import Any

from qhub.config.model import Config
from qhub.config.providers import BLOCKS


def schema() -> dict[str, Any]:
    """The schema of the whole file. Rules between sections are `qhub validate`'s alone."""
    found = Config.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "QHub configuration"
    found["allOf"] = [_own_block(name) for name in BLOCKS if name not in ("local", "existing")]
    return found


def schema_text() -> str:
    """The schema as it is written beside a configuration."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _own_block(provider: str) -> dict[str, Any]:
    this = {"properties": {"provider": {"const": provider}}, "required": ["provider"]}
    return {"if": this, "then": {"required": [BLOCKS[provider], "domain"]}}
