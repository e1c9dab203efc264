"""What a chart makes, changed where its values have no word for it."""

from __future__ import annotations

from typing import Any


def with_priority(manifests: str, name: str) -> str:
    """Manifests as Helm renders them, with a PriorityClass for the pods of each."""
    import yaml

    found = list(yaml.safe_load_all(manifests))
    for manifest in found:
        spec = _pod_spec(manifest)
        if spec is not None:
            spec.setdefault("priorityClassName", name)
    text: str = yaml.safe_dump_all(found, sort_keys=False)
    return text


def _pod_spec(manifest: Any) -> dict[str, Any] | None:
    spec = manifest.get("spec") if isinstance(manifest, dict) else None
    template = spec.get("template") if isinstance(spec, dict) else None
    found = template.get("spec") if isinstance(template, dict) else None
    return found if isinstance(found, dict) else None
