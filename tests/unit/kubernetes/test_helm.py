"""A release and what became of it: found, told, put right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from qhub.kubernetes import helm

from .api import Api, api

MANIFEST = """\
---
# Source: demo/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, annotations: }
data: {colour: red}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {token: aHVudGVyMg==}
---
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub}
spec:
  replicas: 1
  template: {spec: {containers: [{name: hub, image: 'team/hub:1'}]}}
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Api]:
    """A release as it was just applied, and works."""
    with api(tmp_path) as found:
        found.release("demo", MANIFEST, 2)
        found.release("demo", "", 1, "superseded")
        for one in filter(None, yaml.safe_load_all(MANIFEST)):
            one["metadata"]["annotations"] = {"meta.helm.sh/release-name": "demo"}
            one["status"] = {"readyReplicas": 1}
            found.add(one)
        yield found


def drift(served: Api) -> list[str]:
    release = helm.find(served.cluster, "demo", "demo")
    assert release
    return [str(one) for one in helm.drift(served.cluster, release)]


def live(served: Api, kind: str, name: str) -> dict[str, Any]:
    return next(
        one
        for one in served.objects.values()
        if (one["kind"], one["metadata"]["name"]) == (kind, name)
    )


def test_the_newest_revision_counts(served: Api) -> None:
    served.release("demo", MANIFEST, 10, "pending-upgrade")
    found = helm.find(served.cluster, "demo", "demo")
    assert found
    assert (found.revision, found.state, found.version) == (10, "pending-upgrade", "1.2.3")
    assert helm.find(served.cluster, "demo", "other") is None


def test_what_is_as_it_was_applied_has_no_drift(served: Api) -> None:
    assert drift(served) == []
    assert not [one for one in served.asked if "PATCH" in one and "dryRun=All" not in one]


def test_a_deleted_object_is_missed(served: Api) -> None:
    del served.objects["/api/v1/namespaces/demo/configmaps/settings"]
    assert drift(served) == ["ConfigMap settings is gone"]


def test_a_changed_field_is_named_with_both_values(served: Api) -> None:
    live(served, "Deployment", "hub")["spec"]["replicas"] = 0
    live(served, "ConfigMap", "settings")["data"]["colour"] = "blue"
    assert drift(served) == [
        "ConfigMap settings was changed: data.colour is blue, not red",
        "Deployment hub was changed: spec.replicas is 0, not 1",
    ]


def test_a_secret_s_values_are_not_told(served: Api) -> None:
    live(served, "Secret", "keys")["data"]["token"] = "b3RoZXI="
    assert drift(served) == ["Secret keys was changed: data.token"]


def test_what_others_add_is_theirs(served: Api) -> None:
    live(served, "ConfigMap", "settings")["metadata"]["labels"] = {"team": "science"}
    live(served, "Deployment", "hub")["spec"]["paused"] = False
    assert drift(served) == []


def test_pods_that_are_not_ready_count(served: Api) -> None:
    live(served, "Deployment", "hub")["status"] = {}
    assert drift(served) == ["Deployment hub has 0 of 1 pods ready"]
    pods = live(served, "Deployment", "hub")["spec"]["template"]["spec"]
    pods["priorityClassName"] = "demo-placeholders"
    assert drift(served) == []


def test_a_kind_that_the_cluster_lost_is_told(served: Api) -> None:
    served.release("demo", "{apiVersion: team.io/v1, kind: Thing, metadata: {name: x}}", 3)
    assert drift(served) == ["Thing x is gone, with all of team.io/v1"]


def test_repair_puts_everything_back_in_place(served: Api) -> None:
    del served.objects["/api/v1/namespaces/demo/configmaps/settings"]
    live(served, "Deployment", "hub")["spec"]["replicas"] = 5
    release = helm.find(served.cluster, "demo", "demo")
    assert release
    assert len(helm.repair(served.cluster, release)) == 2
    assert drift(served) == []
    again = live(served, "ConfigMap", "settings")["metadata"]
    # Helm would not take as its own what has not its marks.
    assert again["annotations"]["meta.helm.sh/release-name"] == "demo"
    assert again["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert helm.repair(served.cluster, release) == []


def test_what_a_run_left_half_done_makes_way(served: Api) -> None:
    served.release("demo", MANIFEST, 3, "pending-upgrade")
    assert helm.forget_pending(served.cluster, "demo", "demo") == "pending-upgrade"
    found = helm.find(served.cluster, "demo", "demo")
    assert found
    assert (found.revision, found.state) == (2, "deployed")


@pytest.mark.parametrize("state", ["deployed", "failed", "superseded"])
def test_what_was_ended_stays(served: Api, state: str) -> None:
    served.release("demo", MANIFEST, 3, state)
    assert helm.forget_pending(served.cluster, "demo", "demo") is None
    assert helm.forget_pending(served.cluster, "demo", "other") is None
    assert not [one for one in served.asked if "DELETE" in one]
