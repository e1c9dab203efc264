"""The releases of many configs against what their charts take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qhub.stages.jupyterhub import KubernetesJupyterHub
from qhub.terraform import Engine
from tests import charts, existing
from tests.releases import Release, releases_of, states
from tests.rendered import Rendered

every_choice = pytest.mark.parametrize("choice", existing.CHOICES)


@every_choice
def test_values_are_those_that_the_chart_takes(
    choice: str, all_releases: dict[str, list[Release]]
) -> None:
    assert all_releases[choice]
    for release in all_releases[choice]:
        assert not charts.problems(release), release.chart


@every_choice
def test_charts_render(choice: str, all_releases: dict[str, list[Release]]) -> None:
    for release in all_releases[choice]:
        assert charts.template(release).count("\nkind:") > 1, release.chart


@pytest.mark.parametrize("chart", charts.own_charts(), ids=lambda chart: chart.name)
def test_charts_of_ours_are_in_order(chart: Path) -> None:
    assert (chart / "values.schema.json").is_file()
    charts.helm("lint", "--strict", "--quiet", chart)


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        ("jupyterhub", {"hub": {"extraVolume": []}}),
        ("jupyterhub", {"cull": {"every": "a minute"}}),
        ("dask-gateway", {"gateway": {"replica": 1}}),
        ("traefik", {"providers": {"kubernetesIngres": {}}}),
        ("jitsi-meet", {"jvb": {"udpPort": 30000}}),
        ("jitsi-meet", {"publicURL": True}),
    ],
)
def test_a_value_that_the_chart_does_not_take_is_noticed(
    chart: str, values: dict[str, Any]
) -> None:
    assert len(charts.problems(Release("name", chart, "dev", values))) == 1


def test_the_hub_starts_anew_for_other_secrets_alone(
    engine: Engine, providers: dict[str, str], tmp_path: Path
) -> None:
    config = existing.config("minimal")
    module = Rendered(KubernetesJupyterHub(), config, tmp_path / "hub", engine, providers)
    module.write()
    module.terraform("init", "-input=false")
    given = {**module.upstream(), **module.stage.inputs(config).model_dump(mode="json")}
    secrets = {"passwords": {"alice": "another-hash"}, "authentication": {}}
    tried = {"first": {}, "address": {"domain": "example.org"}, "secrets": {"secrets": secrets}}
    found = states(module, {name: {**given, **change} for name, change in tried.items()})
    marks = {name: fingerprint(releases_of(state)) for name, state in found.items()}
    assert marks["first"] == marks["address"] != marks["secrets"]


def fingerprint(found: list[Release]) -> str:
    [release] = found
    return str(release.values["hub"]["annotations"]["qhub/fingerprint"])
