"""What our own kubessh chart is told, and what it makes of that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import qhub.hub
from qhub.config import Config
from qhub.releases import kubessh
from qhub.stages.kubessh import KubernetesKubeSsh, port
from tests import charts

from ..config.support import config

CLUSTER = "project_name: demo\nprovider: existing\ndomain: hub.example.org\n"
CHART = charts.OWN / "kubessh"


def made(*lines: str) -> Config:
    return config("".join(f"{line}\n" for line in lines), head=CLUSTER)


def told(*lines: str) -> dict[str, Any]:
    return kubessh.values(made(*(lines or ("kubessh: {enabled: true}",))))


def rendered(chart: Path, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The manifests, by kind; of ConfigMaps the one with the code."""
    options = ("--namespace", "dev", "--kube-version", "1.32.0", "--values", "-")
    text = charts.helm("template", "kubessh", chart, *options, stdin=json.dumps(values))
    found = [one for one in YAML(typ="safe").load_all(text) if one]
    return {one["kind"]: one for one in found if not one["metadata"]["name"].endswith("-people")}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The chart with its code, as it lies in a rendered stage."""
    shutil.copytree(CHART, tmp_path / "kubessh")
    for name, source in KubernetesKubeSsh.sources.items():
        shutil.copytree(source, tmp_path / name, dirs_exist_ok=True)
    return tmp_path / "kubessh"


@pytest.mark.parametrize(
    ("user", "pod"),
    [
        # As kubespawner 7.1 names them.
        ("ada", "jupyter-ada"),
        ("ada-7", "jupyter-ada-7"),
        ("7up", "jupyter-x-7up---be39b1e7"),
        ("7ada", "jupyter-x-7ada---8c2deed9"),
        ("a--b", "jupyter-a-b---90827a2e"),
    ],
)
def test_pods_are_called_what_their_spawner_calls_them(user: str, pod: str) -> None:
    assert kubessh.pod_name(user) == pod


def test_a_stock_image_gets_what_it_needs() -> None:
    assert told()["installRequirements"] is True
    assert told()["image"].startswith("docker.io/library/python:3.")
    mirrored = told("mirror: {images: registry.example.org/mirror}")
    assert mirrored["image"].startswith("registry.example.org/mirror/docker.io/library/python:3.")


def test_an_image_of_one_s_own_has_it() -> None:
    text = "kubessh: {enabled: true, image: 'registry.example.org/kubessh:1'}"
    values = told(text)
    assert values["image"] == "registry.example.org/kubessh:1"
    assert values["installRequirements"] is False


def test_the_port_is_the_one_that_people_reach() -> None:
    nodes = "ingress: {service: NodePort, node_ports: {ssh: 30022}}"
    balancer = "ingress: {node_ports: {ssh: 30022}}"
    ssh = "kubessh: {enabled: true, port: 2222}"
    assert port(made(ssh, nodes)) == 30022
    assert port(made(ssh, balancer)) == 2222
    assert port(made(ssh)) == 2222


def test_it_may_run_programs_where_it_is_told_to_alone(whole: Path) -> None:
    rules = rendered(whole, told())["Role"]["rules"]
    assert [rule["resources"] for rule in rules] == [["pods"], ["pods/exec"]]
    assert all(rule["resourceNames"] for rule in rules)
    # No names at all would be all names.
    assert rendered(whole, told() | {"pods": []})["Role"]["rules"] == []


def test_all_that_the_server_imports_comes_along(whole: Path) -> None:
    code = rendered(whole, told())["ConfigMap"]["data"]
    package = Path(qhub.hub.__file__).parent
    for path in (package / "ssh").glob("*.py"):
        assert code[f"ssh..{path.name}"] == path.read_text()
    assert {"__init__.py", "throttle.py", "ssh_service.py"} <= {*code}
    assert "spawner.py" not in code


def test_what_a_stock_image_lacks_is_installed_first(whole: Path) -> None:
    pod = rendered(whole, told())["Deployment"]["spec"]["template"]["spec"]
    [first] = pod["initContainers"]
    assert {"--only-binary=:all:", "--require-hashes", "--target=/packages"} <= {*first["command"]}
    own = rendered(whole, told() | {"installRequirements": False})
    assert "initContainers" not in own["Deployment"]["spec"]["template"]["spec"]


def test_people_do_not_start_it_anew(whole: Path) -> None:
    def pods(**more: Any) -> Any:
        return rendered(whole, told() | more)["Deployment"]["spec"]["template"]

    ada = {"users": {"ada": {"ssh_keys": []}}, "groups": {}}
    assert pods() == pods(people=ada, pods=["jupyter-ada"])
    assert pods() != pods(hub={"apiUrl": "http://other:8081/hub/api"})


def test_a_value_that_is_none_of_the_chart_s_is_refused() -> None:
    with pytest.raises(AssertionError, match="replica"):
        rendered(CHART, {"replica": 2})
