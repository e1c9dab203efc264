"""What Helm would apply, as the cluster's own API server judges it: tried, not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.spaces import storage
from qhub.stages.base import Place
from qhub.stages.dask_gateway import definitions
from tests import charts, existing
from tests.cluster import inventory
from tests.releases import Release

LEVEL = "pod-security.kubernetes.io/enforce"
MERGED = "application/merge-patch+json"
TRIED = {"dry_run": "All", "field_manager": "qhub-tests"}


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Any]:
    """A client; the namespaces and the kinds are there, as a deployment would have them."""
    kinds = definitions(Place(cluster.access.context, existing.NAMESPACE, "dry-run"), print)
    kinds.hold()
    api = inventory.client_of(cluster)
    namespaces = api.resources.get(api_version="v1", kind="Namespace")
    levels = {existing.NAMESPACE: "baseline", storage(existing.NAMESPACE): "privileged"}
    for name, level in levels.items():
        with suppress(ConflictError):  # an earlier run was ended
            namespaces.create(body={"metadata": {"name": name, "labels": {LEVEL: level}}})
    yield api
    kinds.release()
    for name in levels:
        with suppress(NotFoundError):
            namespaces.delete(name=name)


@pytest.mark.parametrize("choice", existing.CHOICES)
def test_the_cluster_takes_all_manifests(
    choice: str, api: Any, all_releases: dict[str, list[Release]]
) -> None:
    tried = 0
    for release in all_releases[choice]:
        for manifest in filter(None, yaml.safe_load_all(charts.template(release))):
            place = manifest["metadata"].get("namespace", release.namespace)
            kind = api.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
            options = {"namespace": place} if kind.namespaced else {}
            kind.server_side_apply(body=manifest, force_conflicts=True, **options, **TRIED)
            tried += 1
    assert tried > 10


@pytest.mark.parametrize("choice", existing.CHOICES)
def test_the_namespace_lets_all_pods_in(
    choice: str, api: Any, all_releases: dict[str, list[Release]]
) -> None:
    """A Deployment is taken whatever its pods are like; its pods are what Pod Security refuses."""
    pods = api.resources.get(api_version="v1", kind="Pod")
    namespaces = api.resources.get(api_version="v1", kind="Namespace")
    level = {"metadata": {"labels": {LEVEL: existing.config(choice).cluster.pod_security}}}
    namespaces.patch(name=existing.NAMESPACE, body=level, content_type=MERGED)
    tried = 0
    for release in all_releases[choice]:
        for manifest in filter(None, yaml.safe_load_all(charts.template(release))):
            for spec in pods_of(manifest):
                body = {"metadata": {"generateName": "tried-"}, "spec": spec}
                pods.create(body=body, namespace=release.namespace, **TRIED)
                tried += 1
    assert tried >= 3


def pods_of(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pods of a workload, without what has to be there before them."""
    inner = manifest.get("spec", {})
    inner = inner.get("jobTemplate", {}).get("spec", inner)
    spec = inner.get("template", {}).get("spec") if isinstance(inner, dict) else None
    if manifest["kind"] == "Pod":
        spec = manifest["spec"]
    if isinstance(spec, dict) and "containers" in spec:
        absent = ("serviceAccount", "serviceAccountName", "priorityClassName")
        claims = (claim["metadata"]["name"] for claim in inner.get("volumeClaimTemplates", ()))
        volumes = [*spec.get("volumes", ()), *({"name": name, "emptyDir": {}} for name in claims)]
        yield {key: value for key, value in spec.items() if key not in absent} | {
            "volumes": volumes
        }
