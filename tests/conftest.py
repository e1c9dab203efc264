"""What tests of stages share, with a cluster or without: Terraform, its providers, the releases."""

from __future__ import annotations

import json
import subprocess

import pytest

from qhub.errors import EngineError
from qhub.terraform import Engine, find_engine
from tests import existing
from tests.providers import environment
from tests.releases import Release, releases


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return find_engine()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def providers(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Terraform is told so that it finds providers without a network."""
    said = subprocess.check_output([*engine.command, "version", "-json"])
    platform = json.loads(said)["platform"]
    return environment(engine, platform, tmp_path_factory.mktemp("providers"))


@pytest.fixture(scope="session")
def all_releases(
    engine: Engine, providers: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Release]]:
    """The Helm releases of every choice of `tests.existing`."""
    configs = {choice: existing.config(choice) for choice in existing.CHOICES}
    return releases(configs, engine, providers, tmp_path_factory.mktemp("releases"))
