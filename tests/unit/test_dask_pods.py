"""Dask clusters on Kubernetes: what their pods are like, and what their gateway gets."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import qhub.hub
from qhub.config import parse
from qhub.hub import dask_pods
from qhub.hub.pod import PersonsPod
from qhub.hub.profiles import ProfileError
from qhub.kubernetes.manifests import with_priority
from qhub.releases import dask_gateway as release
from qhub.stages import of
from qhub.stages.dask_gateway import pod_settings
from qhub.stages.jupyterhub import pod_settings as hub_settings

CONFIG = """\
project_name: demo
namespace: dev
provider: existing
domain: hub.example.org
security:
  groups:
    admin: {gid: 20000}
    staff: {gid: 20001}
    readers: {gid: 20002, access: public-read}
  users:
    ada: {uid: 21000, primary_group: admin, secondary_groups: [staff], password: {env: PASSWORD}}
    bob: {uid: 21001, primary_group: staff, password: {env: PASSWORD}}
profiles:
  jupyterlab:
    - display_name: Plain
      kubespawner_override: {cpu_limit: 1, mem_limit: 1G}
    - display_name: Own
      groups: [admin]
      kubespawner_override: {cpu_limit: 1, mem_limit: 1G, image: 'team/lab:7'}
  dask_worker:
    Small Worker:
      {worker_cores_limit: 2, worker_cores: 0, worker_memory_limit: 4G, worker_memory: 1G}
    Big Worker:
      worker_cores_limit: 4
      worker_cores: 1.5
      worker_memory_limit: 8G
      worker_memory: 8G
      worker_threads: 4
      image: team/dask:3
      groups: [admin]
      extra_resource_limits: {nvidia.com/gpu: 2}
      node_selector: {size: gpu}
"""
MODULE = next(stage for stage in of("existing") if stage.name == "06-dask-gateway")


def settings(more: str = "") -> dict[str, Any]:
    """As the gateway's pod has them, with what the module adds."""
    found = pod_settings(parse(CONFIG + more))
    found["cluster"] |= {
        "shared_claim": "shared",
        "priority": "demo-dev-users",
        "node_selector": {"pool": "worker"},
    }
    return found


def ordered(name: str, worker: int = 0, more: str = "", environment: str = "") -> dict[str, Any]:
    given = settings(more)
    pod = PersonsPod.of(name, given)
    found: dict[str, Any] = dask_pods.overrides(
        pod, given["workers"][worker], "team/notebook:1", given["cluster"], environment
    )
    return found


@pytest.mark.parametrize("kind", ["scheduler", "worker"])
def test_a_cluster_s_pods_are_its_person_s(kind: str) -> None:
    found = ordered("ada")
    spec, container = found[f"{kind}_extra_pod_config"], found[f"{kind}_extra_container_config"]
    security = spec["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (21000, 20000)
    assert security["supplementalGroups"] == [20001, 20002]
    mounts = {one["mountPath"]: one["readOnly"] for one in container["volumeMounts"]}
    assert mounts["/home/ada"] is False
    assert mounts["/shared/staff"] is False
    assert mounts["/shared/readers"] is True
    assert container["workingDir"] == found["environment"]["HOME"] == "/home/ada"
    assert {volume["name"] for volume in spec["volumes"]} == {"shared", "people"}
    assert spec["nodeSelector"] == {"pool": "worker"}
    assert not container["securityContext"]["allowPrivilegeEscalation"]


def test_workers_are_of_the_size_of_their_profile() -> None:
    small, big = ordered("ada"), ordered("ada", 1)
    assert (small["worker_cores"], small["worker_cores_limit"]) == (0, 2)
    assert (small["worker_memory"], small["worker_memory_limit"]) == (2**30, 4 * 2**30)
    assert (big["worker_cores"], big["worker_threads"]) == (1.5, 4)


def test_workers_get_the_devices_of_their_profile_on_the_nodes_that_have_them() -> None:
    found = ordered("ada", 1)
    limits = {"limits": {"nvidia.com/gpu": 2}}
    assert found["worker_extra_container_config"]["resources"] == limits
    assert "resources" not in found["scheduler_extra_container_config"]
    spec = found["worker_extra_pod_config"]
    assert spec["nodeSelector"] == {"pool": "worker", "size": "gpu"}
    assert [one["key"] for one in spec["tolerations"]] == ["nvidia.com/gpu"]
    assert not found["scheduler_extra_pod_config"]["tolerations"]
    assert not ordered("ada")["worker_extra_pod_config"]["tolerations"]


def test_the_image_is_the_profile_s_or_else_the_notebook_s() -> None:
    assert ordered("ada")["image"] == "team/notebook:1"
    assert ordered("ada", 1)["image"] == "team/dask:3"


def test_a_cluster_runs_in_a_shared_environment_that_its_person_sees() -> None:
    assert ordered("bob")["worker_cmd"] == ["dask", "worker"]
    found = ordered("bob", environment="staff/Tools+1")
    run = "/opt/qhub/conda-store/store/staff/jupyter/kernels/staff-tools_1/run"
    assert found["scheduler_cmd"] == [run, "dask", "scheduler"]
    assert found["worker_cmd"] == [run, "dask", "worker"]
    mounts = {one["mountPath"] for one in found["worker_extra_container_config"]["volumeMounts"]}
    assert "/opt/qhub/conda-store/store/staff" in mounts
    for foreign in ("admin/tools", "ada/tools", "staff", "staff/", "staff/../admin/tools"):
        with pytest.raises(ProfileError, match=re.escape(foreign)):
            ordered("bob", environment=foreign)


def test_without_conda_store_there_are_no_environments() -> None:
    with pytest.raises(ProfileError):
        ordered("bob", more="conda_store: {enabled: false}\n", environment="global/tools")


def test_a_home_that_one_node_has_at_a_time_stays_with_the_server() -> None:
    found = ordered("ada", more="storage: {home: 10Gi}\n")
    volumes = {volume["name"]: volume for volume in found["worker_extra_pod_config"]["volumes"]}
    assert volumes["home"] == {"name": "home", "emptyDir": {}}
    mounts = found["worker_extra_container_config"]["volumeMounts"]
    assert [one["name"] for one in mounts if one["mountPath"] == "/home/ada"] == ["home"]


def test_images_are_those_of_the_profiles_and_the_mirror() -> None:
    found = settings("mirror: {images: registry.example.org/m}\n")
    assert [server["image"] for server in found["servers"]] == [
        None,
        "registry.example.org/m/docker.io/team/lab:7",
    ]
    assert found["workers"][1]["image"] == "registry.example.org/m/docker.io/team/dask:3"
    assert found["cluster"]["image"].startswith("registry.example.org/m/quay.io/jupyterhub/")


def test_an_image_for_dask_is_the_default_of_every_notebook() -> None:
    config = parse(CONFIG + "default_images: {dask_worker: 'team/dask:9'}\n")
    assert hub_settings(config)["dask"]["image"] == "team/dask:9"
    assert pod_settings(config)["cluster"]["image"] == "team/dask:9"
    assert hub_settings(parse(CONFIG))["dask"]["image"] is None


def test_the_option_s_default_is_as_dask_reads_it() -> None:
    [(key, value)] = dask_pods.variable("team/dask:9").items()
    assert key.removeprefix("DASK_").replace("__", ".").lower() == (
        f"gateway.cluster.options.{dask_pods.IMAGE}"
    )
    assert ast.literal_eval(value) == "team/dask:9"


def test_the_hub_and_the_release_agree_where_the_gateway_is() -> None:
    config = parse(CONFIG)
    name = release.values(config, "demo-dev", "/services/dask-gateway")["fullnameOverride"]
    assert hub_settings(config)["dask"]["url"] == f"http://traefik-{name}.dev.svc:80"


def test_the_gateway_gets_the_modules_that_it_imports() -> None:
    [listed] = re.findall(
        r"modules = \[(.*?)\]", (MODULE.templates / "main.tf").read_text(), re.DOTALL
    )
    assert set(re.findall(r'"(\w+)"', listed)) == {"__init__", *_imported("gateway_pods")}


def _imported(name: str) -> set[str]:
    """A module of the hub's and all of ours that it imports."""
    found, waiting = set(), {name}
    while waiting:
        name = waiting.pop()
        found.add(name)
        tree = ast.parse((Path(qhub.hub.__file__).parent / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                waiting |= {node.module} if node.module else {alias.name for alias in node.names}
        waiting -= found
    return found


def test_no_password_is_among_the_gateway_s_settings() -> None:
    assert "PASSWORD" not in str(settings())


def test_pods_of_a_chart_get_a_priority() -> None:
    manifests = """\
kind: Service
spec: {ports: []}
---
kind: Deployment
spec: {template: {spec: {containers: [{name: one, args: ["a: b", "true", "1"]}]}}}
---
kind: Job
spec: {template: {spec: {priorityClassName: other}}}
---
"""
    service, deployment, job, *_ = yaml.safe_load_all(with_priority(manifests, "high"))
    spec = deployment["spec"]["template"]["spec"]
    assert spec["priorityClassName"] == "high"
    assert spec["containers"] == [{"name": "one", "args": ["a: b", "true", "1"]}]
    assert job["spec"]["template"]["spec"]["priorityClassName"] == "other"
    assert service == {"kind": "Service", "spec": {"ports": []}}
