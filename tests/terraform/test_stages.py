"""Every stage's module under real Terraform: it validates, and agrees with its typed model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qhub.config import Config, load
from qhub.runner.render import INPUTS
from qhub.stages import STAGES
from qhub.stages.base import Stage
from qhub.terraform import Engine
from tests import beside, existing
from tests.rendered import AnyStage, Rendered

from .fmt import fmt

RULES = Path(__file__).parent / "rules"
CONFIGS = {
    "local": lambda: load(beside.ROOT / "qhub-config.example.yaml"),
    "existing": lambda: existing.config("everything"),
}


@pytest.fixture(scope="module", params=STAGES, ids=lambda stage: f"{stage.name}-{stage.variant}")
def stage(request: pytest.FixtureRequest) -> AnyStage:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def config(stage: AnyStage) -> Config:
    """One with all that a deployment with the stage can have."""
    return CONFIGS[stage.providers[0]]()


@pytest.fixture(scope="module")
def module(
    stage: AnyStage,
    config: Config,
    engine: Engine,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Rendered:
    """The stage, rendered to a folder of its own and ready: Terraform found its providers."""
    takes_providers = "required_providers" in (stage.templates / "versions.tf").read_text()
    environment = request.getfixturevalue("providers") if takes_providers else {}
    folder = tmp_path_factory.mktemp(stage.noun) / "stages" / stage.name
    module = Rendered(stage, config, folder, engine, environment)
    module.write(RULES.glob(f"{stage.name}-{stage.variant}.tftest.hcl"))
    module.terraform("init", "-input=false")
    return module


def test_module_validates(module: Rendered) -> None:
    module.terraform("validate")


def test_variables_are_the_inputs(stage: AnyStage, module: Rendered) -> None:
    upstream = {needed().noun for needed in stage.depends_on}
    own = module.blocks("variable") - {"deployment", "secrets"}
    assert own == set(stage.Inputs.model_fields) | upstream


def test_a_module_takes_secrets_where_its_stage_gives_them(
    stage: AnyStage, module: Rendered
) -> None:
    gives = type(stage).secrets is not Stage.secrets
    assert ("secrets" in module.blocks("variable")) == gives


def test_outputs_are_the_outputs(stage: AnyStage, module: Rendered) -> None:
    fields = stage.Outputs.model_fields.items()
    assert module.blocks("output") == {name for name, field in fields if not field.exclude}


def test_no_value_is_lost_in_a_variable_s_type(module: Rendered) -> None:
    """Terraform drops attributes that a type does not name without a word."""
    given = json.loads((module.folder / INPUTS).read_text())
    taken = module.evaluated(given)
    for name, value in given.items():
        assert without_null(taken[name]) == without_null(value), name


def without_null(value: Any) -> Any:
    """Null and absent are the same to Terraform's optional attributes; numbers are one kind."""
    if isinstance(value, dict):
        return {k: without_null(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_null(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_example_outputs_fit_those_who_take_them(module: Rendered) -> None:
    given = module.upstream()
    for name, taken in module.evaluated(given, **given).items():
        assert set(taken) <= set(given[name])
        assert all(taken[key] == given[name][key] for key in taken)


def test_rules_of_the_module(module: Rendered) -> None:
    assert list(module.folder.glob("*.tftest.hcl")), (
        "each module has rules in tests/terraform/rules"
    )
    assert "0 failed" in module.terraform("test")


def test_hcl_is_formatted() -> None:
    done = fmt("-check")
    assert done.returncode == 0, done.stdout
