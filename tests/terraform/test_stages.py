"""Every stage's module under real Terraform: it validates, and agrees with its typed model."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qhub.config import Config, load
from qhub.runner.render import INPUTS, render_stage
from qhub.stages import STAGES
from qhub.stages.base import Stage
from qhub.terraform import Engine

from .fmt import fmt

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "qhub-config.example.yaml"

AnyStage = Stage[Any, Any]
every_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda s: f"{s.name}-{s.variant}")


@pytest.fixture(scope="session")
def config() -> Config:
    return load(EXAMPLE)


@pytest.fixture
def module(stage: AnyStage, config: Config, tmp_path: Path) -> Path:
    """The stage, rendered to a folder of its own, without its backend."""
    folder = tmp_path / "stages" / stage.name
    for path, content in render_stage(stage, config).items():
        if path != "backend.tf.json":
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return folder


def terraform(engine: Engine, folder: Path, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [*engine.command, *arguments], cwd=folder, input=stdin, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(module: Path, kind: str) -> set[str]:
    text = "\n".join(path.read_text() for path in module.glob("*.tf"))
    return set(re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE))


@every_stage
def test_module_validates(stage: AnyStage, module: Path, engine: Engine) -> None:
    terraform(engine, module, "init", "-input=false")
    terraform(engine, module, "validate")


@every_stage
def test_variables_are_the_inputs(stage: AnyStage, module: Path) -> None:
    upstream = {needed().noun for needed in stage.depends_on}
    own = blocks(module, "variable") - {"deployment"}
    assert own == set(stage.Inputs.model_fields) | upstream


@every_stage
def test_outputs_are_the_outputs(stage: AnyStage, module: Path) -> None:
    assert blocks(module, "output") == set(stage.Outputs.model_fields)


@every_stage
def test_no_value_is_lost_in_a_variable_s_type(
    stage: AnyStage, module: Path, engine: Engine
) -> None:
    """Terraform drops attributes that a type does not name without a word."""
    terraform(engine, module, "init", "-input=false")
    given = json.loads((module / INPUTS).read_text())
    for name, value in given.items():
        said = terraform(engine, module, "console", stdin=f"jsonencode(var.{name})\n")
        taken = json.loads(json.loads(said.strip().splitlines()[-1]))
        assert without_null(taken) == without_null(value), name


def without_null(value: Any) -> Any:
    """Null and absent are the same to Terraform's optional attributes; numbers are one kind."""
    if isinstance(value, dict):
        return {k: without_null(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_null(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@every_stage
def test_example_outputs_fit_those_who_take_them(
    stage: AnyStage, module: Path, config: Config, engine: Engine
) -> None:
    terraform(engine, module, "init", "-input=false")
    for needed in stage.depends_on:
        example = needed().example(config).model_dump(mode="json")
        (module / "example.auto.tfvars.json").write_text(json.dumps({needed().noun: example}))
        said = terraform(engine, module, "console", stdin=f"jsonencode(var.{needed().noun})\n")
        taken = json.loads(json.loads(said.strip().splitlines()[-1]))
        assert set(taken) <= set(example)
        assert all(taken[name] == example[name] for name in taken)


@every_stage
def test_rules_of_the_module(stage: AnyStage, module: Path, engine: Engine) -> None:
    tests = sorted((HERE / "rules").glob(f"{stage.name}-{stage.variant}.tftest.hcl"))
    assert tests, "each module has a file of rules in tests/terraform/rules"
    for path in tests:
        (module / path.name).write_text(path.read_text())
    terraform(engine, module, "init", "-input=false")
    assert "0 failed" in terraform(engine, module, "test")


def test_hcl_is_formatted() -> None:
    done = fmt("-check")
    assert done.returncode == 0, done.stdout
