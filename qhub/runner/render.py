"""From a config to the files of its stages: a pure function, and another that writes them.

A rendered stage is the static HCL of `qhub/templates/stages/` with three generated files beside it:

- `terraform.tfvars.json`: the stage's inputs from the config,
- `backend.tf.json`: where its state is kept,
- `upstream.tf.json`: for each stage that it depends on, that stage's outputs as a local value. The
  runner gives them as variables; without it they are read from the other stage's state, so that
  plain Terraform can apply the folders one after another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qhub import stages as platform
from qhub.config import Config
from qhub.errors import UsageError
from qhub.runner.folder import Folder, own_state, write
from qhub.stages.base import Stage

INPUTS = "terraform.tfvars.json"
PRIVATE = 0o600
"""Inputs name users and hold hashes of their passwords: for the owner alone."""

Files = dict[str, bytes]

STATE_NAME = {
    "azurerm": ("key", "/"),
    "gcs": ("prefix", "/"),
    "kubernetes": ("secret_suffix", "-"),
    "local": ("path", "/"),
    "s3": ("key", "/"),
}
"""The setting of each backend that names one state among several, and what joins its parts."""


@dataclass(frozen=True)
class Written:
    """What writing changed: paths relative to the deployment's folder."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.created or self.updated or self.deleted)


def render(config: Config) -> Files:
    """The files of every stage, by path below the deployment's folder. Same config, same bytes."""
    files: Files = {}
    for stage in platform.select(config):
        for path, content in render_stage(stage, config).items():
            files[f"stages/{stage.name}/{path}"] = content
    return files


def render_stage(stage: Stage[Any, Any], config: Config) -> Files:
    """The files of one stage, by path below its folder."""
    files = dict(_tree(stage.templates))
    for name, source in stage.sources.items():
        files.update({f"{name}/{path}": content for path, content in _tree(source)})
    files[INPUTS] = _json(stage.inputs(config).model_dump(mode="json"))
    files["backend.tf.json"] = _json(_backend(config, stage))
    if stage.depends_on:
        files["upstream.tf.json"] = _json(_upstream(config, stage))
    return files


def compare(files: Files, folder: Folder) -> Written:
    """What `write_files` would change."""
    on_disk = set(_existing(folder))
    wanted = set(files)
    return Written(
        created=tuple(sorted(wanted - on_disk)),
        updated=tuple(
            path
            for path in sorted(wanted & on_disk)
            if (folder.root / path).read_bytes() != files[path]
        ),
        deleted=tuple(sorted(on_disk - wanted)),
    )


def write_files(files: Files, folder: Folder) -> Written:
    """Make the folder's `stages/` hold these files and no others of ours."""
    written = compare(files, folder)
    for path, content in files.items():
        write(folder.root / path, content, PRIVATE if path.endswith(INPUTS) else 0o644)
    for path in written.deleted:
        (folder.root / path).unlink()
    return written


def _existing(folder: Folder) -> Iterable[str]:
    """Files of rendered stages on disk that are ours to replace and delete.

    What Terraform puts beside them is not, nor are override files: those are Terraform's own way
    for a user to change a module, and survive a render.
    """
    for stage in sorted({stage.name for stage in platform.STAGES}):
        for path in sorted((folder.stages / stage).rglob("*")):
            relative = path.relative_to(folder.root)
            terraforms = any(part.startswith(".terraform") for part in relative.parts)
            if path.is_file() and not terraforms and not _is_override(path.name):
                yield relative.as_posix()


def _is_override(name: str) -> bool:
    stem = name.removesuffix(".json").removesuffix(".tf")
    return stem != name and (stem == "override" or stem.endswith("_override"))


def _tree(folder: Path) -> Iterable[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".in":
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _backend(config: Config, stage: Stage[Any, Any]) -> dict[str, Any]:
    kind, settings = backend(config, stage.name)
    return {"terraform": {"backend": {kind: settings}}}


def backend(config: Config, stage: str) -> tuple[str, dict[str, Any]]:
    """Terraform's backend for a stage: its type and its settings."""
    state = config.terraform_state
    if state.type == "remote" and config.provider == "existing":
        name = f"{config.project_name}-{config.namespace}-{stage}"
        return "kubernetes", {"namespace": "default", "secret_suffix": name}
    if state.type != "existing" or state.backend is None:
        return "local", {"path": own_state(stage)}
    if state.backend not in STATE_NAME:
        raise UsageError(
            f"terraform_state.backend: {state.backend} is not one that qhub can keep stages in",
            hint=f"use one of {', '.join(sorted(STATE_NAME))}",
        )
    key, separator = STATE_NAME[state.backend]
    base = state.config.get(key, f"{config.project_name}-{config.namespace}")
    return state.backend, {**state.config, key: f"{base}{separator}{stage}"}


def _upstream(config: Config, stage: Stage[Any, Any]) -> dict[str, Any]:
    states, values = {}, {}
    for needed in stage.depends_on:
        noun = needed().noun
        kind, settings = backend(config, needed.name)
        states[noun] = {
            "count": f"${{var.{noun} == null ? 1 : 0}}",
            "backend": kind,
            "config": settings,
        }
        read = f"one(data.terraform_remote_state.{noun}[*].outputs)"
        values[noun] = f"${{var.{noun} != null ? var.{noun} : {read}}}"
    return {"data": {"terraform_remote_state": states}, "locals": values}


def _json(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
