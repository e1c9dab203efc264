"""A stage watches, repairs and shows each Helm release that its module makes."""

from __future__ import annotations

import re

import pytest

from qhub.stages import STAGES
from qhub.stages.base import Stage

RELEASE = re.compile(r'^resource "helm_release" "(\w+)" \{(.*?)^\}', re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: f"{stage.name}-{stage.variant}")
def test_all_releases_of_a_module_are_its_stages_own(stage: Stage) -> None:
    text = "\n".join(file.read_text() for file in sorted(stage.templates.glob("*.tf")))
    written = {}
    for label, body in RELEASE.findall(text):
        name = re.search(r'^  name += "([\w-]+)"', body, re.MULTILINE)
        assert name, f"{label} has no name of its own"
        counted = "[0]" if re.search(r"^  count ", body, re.MULTILINE) else ""
        written[name[1]] = f"helm_release.{label}{counted}"
    assert written == dict(getattr(stage, "made", {}))
