"""Every image of every release comes from the mirror, whichever way the chart is told of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from qhub.config import Config, parse
from qhub.releases.chart import Chart
from qhub.releases.images import images
from qhub.stages import select
from qhub.stages.base import TEMPLATES

from ..config.support import SECURITY

MIRROR = os.environ.get("QHUB_TEST_MIRROR", "")
PREFIX = "registry.example.org/mirror"
CONFIGS = {
    "plain": "",
    "everything": """\
kubessh: {enabled: true}
jitsi: {enabled: true}
jupyterhub: {placeholders: 2}
default_images: {jupyterlab: 'team/lab:1'}
profiles:
  jupyterlab:
    - display_name: Small
      default: true
      kubespawner_override: {cpu_limit: 1, mem_limit: 1G}
    - display_name: Own
      kubespawner_override: {cpu_limit: 1, mem_limit: 1G, image: 'quay.io/team/own@sha256:%s'}
"""
    % ("0" * 64),
}
REGISTRIES = r"docker\.io|quay\.io|ghcr\.io|gcr\.io|registry\.k8s\.io|public\.ecr\.aws|nvcr\.io"


def config(name: str, charts: str = "") -> Config:
    mirror = f"mirror: {{images: {PREFIX}{f', charts: {charts}' if charts else ''}}}\n"
    head = "project_name: demo\nprovider: existing\ndomain: hub.example.org\n"
    return parse(head + mirror + CONFIGS[name] + SECURITY)


@pytest.mark.parametrize("name", CONFIGS)
def test_no_input_names_an_image_outside_the_mirror(name: str) -> None:
    found = [
        str(one)
        for stage in select(config(name))
        for one in images(stage.inputs(config(name)).model_dump(mode="json"))
    ]
    assert len(found) >= 5
    assert not [one for one in found if not one.startswith(f"{PREFIX}/")]


def test_images_are_found_in_each_form_that_charts_take() -> None:
    values = {
        "image": "team/a:1",
        "b": {"image": {"name": "quay.io/team/b", "tag": "2", "pullPolicy": "Always"}},
        "c": [{"initImage": {"registry": "ghcr.io", "repository": "team/c", "tag": 3}}],
        "d": {"image": {"name": "team/d", "tag": "4@sha256:" + "0" * 64}},
        "none": {"image": None, "image_size": 3, "workerImage": ""},
    }
    found = [str(one) for one in images(values)]
    assert found == [
        "team/a:1",
        "quay.io/team/b:2",
        "ghcr.io/team/c:3",
        f"team/d:4@sha256:{'0' * 64}",
    ]


def test_modules_name_no_image_themselves() -> None:
    for file in TEMPLATES.rglob("*.tf"):
        assert not re.search(r'image\s*=\s*"[^"$]', file.read_text()), file


def releases() -> list[tuple[str, str]]:
    return [
        (name, stage.name)
        for name in CONFIGS
        for stage in select(config(name))
        if any(isinstance(value, Chart) for value in vars(stage.inputs(config(name))).values())
    ]


@pytest.mark.parametrize(("name", "stage"), releases())
def test_a_rendered_release_has_no_image_outside_the_mirror(
    name: str, stage: str, tmp_path: Path
) -> None:
    helm = shutil.which("helm")
    if not helm or not MIRROR:
        pytest.skip("helm is not on PATH" if not helm else "QHUB_TEST_MIRROR names no charts")
    whole = config(name, charts=f"{MIRROR}/charts")
    inputs = next(one for one in select(whole) if one.name == stage).inputs(whole)
    rendered = list(documents(helm, inputs, tmp_path))
    found = set().union(*map(pod_images, rendered))
    assert found, "nothing was rendered"
    assert not {one for one in found if not one.startswith(f"{PREFIX}/")}
    listed = {str(one) for one in images(inputs.model_dump(mode="json"))}
    assert found <= listed, "`qhub mirror pull` would miss some"
    for document in rendered:
        if document["kind"] == "Secret":
            continue  # the hub's holds all values of its chart, also of what is turned off
        other = re.findall(rf"(?<![/\w.-])(?:{REGISTRIES})/[\w./:@-]+", json.dumps(document))
        assert not other, f"{document['kind']} {document['metadata']['name']}"


def documents(helm: str, inputs: Any, folder: Path) -> Iterator[dict[str, Any]]:
    """What Helm would apply."""
    files = []
    for part in ("values", "overrides"):
        if hasattr(inputs, part):
            files += ["-f", str(folder / f"{part}.json")]
            (folder / f"{part}.json").write_text(json.dumps(getattr(inputs, part)))
    command = [
        helm,
        "template",
        "demo",
        inputs.chart.name,
        "-n",
        "demo",
        "--skip-tests",
        "--kube-version",
        "1.34.0",
    ]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=True)
    yield from filter(None, yaml.safe_load_all(done.stdout))


def pod_images(value: Any) -> set[str]:
    """Images of all containers below a value."""
    if isinstance(value, list):
        return set().union(*map(pod_images, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["image"]} if isinstance(value.get("image"), str) else set()
    return own | pod_images(list(value.values()))
