"""Runs of the runner over small stages of their own, with a real Terraform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from qhub.config import Config, load
from qhub.errors import StageError
from qhub.runner.folder import Folder
from qhub.runner.progress import Progress
from qhub.stages.base import Address, Say, Stage
from qhub.terraform import Engine

HERE = Path(__file__).parent

CONFIG = """\
project_name: {name}
security:
  groups:
    admin: {{gid: 20000}}
  users:
    ada:
      uid: 20001
      primary_group: admin
      password: $argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b3dWRWJTmaaJObG
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.terraform)


class Inputs(BaseModel):
    """What the small stages take: how long to work, whether to fail."""

    model_config = ConfigDict(extra="forbid")

    text: str
    seconds: float = 0
    fail_apply: bool = False
    fail_destroy: bool = False


class Outputs(BaseModel):
    """What the small stages give."""

    model_config = ConfigDict(extra="forbid")

    text: str
    files: str


class Small(Stage[Inputs, Outputs]):
    """A stage that leaves a file, and takes its time over it."""

    variant = "small"
    Inputs = Inputs
    Outputs = Outputs
    settings: ClassVar[dict[str, dict[str, Any]]] = {}
    """Inputs by stage name, to be changed by a test."""

    @property
    def templates(self) -> Path:
        return HERE / "stages" / ("leaf" if self.depends_on else "root")

    def applies_to(self, config: Config) -> bool:
        del config
        return "absent" not in self.settings.get(self.name, {})

    def inputs(self, config: Config) -> Inputs:
        return Inputs(**{"text": config.project_name, **self.settings.get(self.name, {})})

    def example(self, config: Config) -> Outputs:
        return Outputs(text=config.project_name, files="example")

    def check(self, outputs: Outputs, say: Say) -> None:
        del say
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}")

    def drift(self, outputs: Outputs) -> dict[str, str]:
        made = Path(outputs.files) / self.noun
        return {} if made.exists() else {"terraform_data.file": "its file is gone"}

    def addresses(self, outputs: Outputs) -> list[Address]:
        return [Address(self.noun, f"file://{outputs.files}/{self.noun}")]


class Ground(Small):
    name = "02-ground"


class Left(Small):
    name = "05-left"
    depends_on = (Ground,)


class Right(Small):
    name = "06-right"
    depends_on = (Ground,)


@pytest.fixture
def small_stages(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Iterator[dict[str, Any]]:
    """The deployment as three small stages: two that need one; yields their settings."""
    del engine
    monkeypatch.setattr("qhub.stages.STAGES", (Ground(), Left(), Right()))
    Small.settings.clear()
    yield Small.settings
    Small.settings.clear()


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Config]:
    def write(name: str = "small") -> Config:
        path = tmp_path / "qhub-config.yaml"
        path.write_text(CONFIG.format(name=name))
        return load(path)

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "deployment")


@pytest.fixture
def told() -> list[Progress]:
    return []
