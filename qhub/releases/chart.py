"""Where a chart comes from: its own repository, or the mirror of the config."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.config.fields import Image, image


class Chart(BaseModel):
    """A chart as Helm finds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str | None = Field(description="Address of the repository; None: `name` is a path.")
    name: str = Field(description="Name in the repository, or path of a folder or archive.")
    version: str | None = Field(description="Version in the repository.")


def chart(config: Config, repository: str, name: str, version: str) -> Chart:
    """A chart of somebody else's, from its repository or from the mirror.

    A folder as mirror holds charts as `NAME` or `NAME-VERSION.tgz`.
    """
    mirror = config.mirror.charts
    if mirror is None:
        return Chart(repository=repository, name=name, version=version)
    if "://" in mirror:
        return Chart(repository=mirror, name=name, version=version)
    archive = Path(mirror, f"{name}-{version}.tgz")
    path = archive if archive.is_file() else Path(mirror, name)
    return Chart(repository=None, name=str(path), version=None)


def mirrored(config: Config, reference: str | Image) -> Image:
    """An image, from the registry of the mirror where there is one.

    What stands before the image's own registry there is `mirror.images`:
    `quay.io/team/app:1` becomes `registry.example.org/mirror/quay.io/team/app:1`.
    """
    found = image(reference) if isinstance(reference, str) else reference
    if config.mirror.images is None:
        return found
    registry = found.registry or "docker.io"
    name = found.text.removeprefix(f"{found.registry}/") if found.registry else found.text
    return image(f"{config.mirror.images.rstrip('/')}/{registry}/{name}")


def named(found: Image) -> dict[str, str]:
    """An image as most charts take it: `name` and `tag`; a digest becomes part of the tag."""
    name = f"{found.registry}/{found.name}" if found.registry else found.name
    tag = found.tag or ""
    return {"name": name, "tag": f"{tag}@{found.digest}" if found.digest else tag}
