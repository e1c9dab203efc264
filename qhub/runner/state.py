"""What Terraform keeps of a deployment, wherever it keeps it, and what of that is secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from qhub.errors import QhubError
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.terraform import find_engine

SHORTEST = 8
"""A secret that is shorter would be found in too much that is none."""

_SECRET = {
    "random_password": ("result", "bcrypt_hash"),
    "tls_private_key": ("private_key_pem", "private_key_openssh", "private_key_pem_pkcs8"),
    "kubernetes_secret_v1": ("data", "binary_data"),
}
"""What is secret of a kind of resource."""


def states(folder: Folder) -> dict[str, dict[str, Any]]:
    """The state of each stage that was applied; of one that can't be read, its `error`."""
    found = {}
    for stage in folder.applied_stages():
        try:
            found[stage] = _state(folder, stage)
        except (QhubError, OSError, ValueError) as error:
            found[stage] = {"error": str(error)}
    return found


def _state(folder: Folder, stage: str) -> dict[str, Any]:
    path = folder.state(stage)
    if path.is_file():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    module = Deployment(find_engine(), folder, threading.Event()).module(
        stage, folder.applied / stage, {}
    )
    module.init()
    return module.pull()


def secrets_of(state: dict[str, Any]) -> set[str]:
    """Every secret of a state by value: sensitive outputs, and what resources keep."""
    return {secret for secret in _secrets(state) if len(secret) >= SHORTEST}


def _secrets(state: dict[str, Any]) -> Iterator[str]:
    for output in state.get("outputs", {}).values():
        if output.get("sensitive"):
            yield from _texts(output["value"])
    for resource in state.get("resources", ()):
        for instance in resource.get("instances", ()):
            for name in _SECRET.get(resource["type"], ()):
                yield from _texts(instance.get("attributes", {}).get(name))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
        yield from value.splitlines()  # a log may have one line of a key
