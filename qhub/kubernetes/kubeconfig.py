"""A kubeconfig with one context and what it needs, to be handed on."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Access

_FILES = ("certificate-authority", "client-certificate", "client-key")
_SECRETS = ("token", "password", "client-key-data", "auth-provider")


def minimal(access: Access, namespace: str) -> dict[str, Any]:
    """The context, its cluster and its user alone; files that they name become part of it.

    Args:
        access: The files and the context that are looked in.
        namespace: What `kubectl` is to look at where nothing else is said.

    Raises:
        ClusterError: The files have no such context, or name one that can't be read.
    """
    files = {Path(path): _read(Path(path)) for path in access.kubeconfig}
    context = {**_entry(files, "context", access.context), "namespace": namespace}
    cluster, user = context.get("cluster"), context.get("user")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": access.context,
        "contexts": [{"name": access.context, "context": context}],
        "clusters": [{"name": cluster, "cluster": _entry(files, "cluster", cluster)}],
        "users": [{"name": user, "user": _entry(files, "user", user)}],
    }


def holds_secrets(kubeconfig: Mapping[str, Any]) -> bool:
    """Whether whoever has it can reach the cluster by it alone."""
    return any(key in entry["user"] for entry in kubeconfig["users"] for key in _SECRETS)


def text(kubeconfig: Mapping[str, Any]) -> str:
    """As kubectl reads it."""
    import yaml

    return str(yaml.safe_dump(dict(kubeconfig), sort_keys=False))


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ClusterError(f"the kubeconfig {path} can't be read: {error}") from None
    return found if isinstance(found, dict) else {}


def _entry(files: Mapping[Path, Mapping[str, Any]], kind: str, name: str | None) -> dict[str, Any]:
    """The first entry of that name, as kubectl merges files."""
    for path, content in files.items():
        for one in content.get(f"{kind}s") or ():
            if one.get("name") == name:
                return _whole(dict(one.get(kind) or {}), path.parent)
    raise ClusterError(f"the kubeconfig has no {kind} {name!r}")


def _whole(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """An entry that needs no file beside it."""
    for key in _FILES:
        if key in entry:
            path = folder / str(entry.pop(key))
            try:
                content = base64.b64encode(path.read_bytes()).decode()
            except OSError as error:
                raise ClusterError(f"{path} of the kubeconfig can't be read: {error}") from None
            entry.setdefault(f"{key}-data", content)
    if "tokenFile" in entry:
        entry["tokenFile"] = str(folder / entry["tokenFile"])
    program = (entry.get("exec") or {}).get("command", "")
    if "/" in program:  # else it is looked for on PATH
        entry["exec"] = {**entry["exec"], "command": str(folder / program)}
    return entry
