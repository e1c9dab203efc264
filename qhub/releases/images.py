"""The images that a deployment runs, read from what its stages give their modules.

Every image is named there, as none is left to a chart's own values: those would pass the mirror by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qhub.config.fields import Image, image


def images(inputs: Any) -> Iterator[Image]:
    """Every image of some inputs, in their order: what stands at a key that ends in `image`.

    As a reference, or as the mapping that charts take: `name` or `repository` with a `tag`, and
    maybe a `registry`.
    """
    if isinstance(inputs, dict):
        for key, value in inputs.items():
            found = _image(value) if str(key).lower().endswith("image") else None
            if found is None:
                yield from images(value)
            else:
                yield found
    elif isinstance(inputs, list):
        for value in inputs:
            yield from images(value)


def _image(value: Any) -> Image | None:
    if isinstance(value, str) and value:
        return image(value)
    if not isinstance(value, dict) or not value.get("tag"):
        return None
    name = value.get("repository") or value.get("name")
    if not name:
        return None
    registry = f"{value['registry']}/" if value.get("registry") else ""
    tag = str(value["tag"])
    return image(f"{registry}{name}{'' if tag.startswith('@') else ':'}{tag}")
