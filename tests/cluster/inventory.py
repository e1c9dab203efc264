"""Everything that is in a cluster, to see what a deployment left there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ApiException

from qhub.kubernetes.cluster import Cluster

TELLS_OF_THE_PAST = {"Event"}
"""Kinds that name what is gone, for an hour or so."""

LIST = "List"
"""Ends the names by which the client knows each kind a second time."""


def client_of(cluster: Cluster) -> Any:
    """A client for objects of any kind."""
    return DynamicClient(cluster.api)


def objects(cluster: Cluster) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object with its name, `KIND NAMESPACE/NAME`, of every kind that can be listed."""
    client = client_of(cluster)
    for kind in client.resources.search():
        listable = kind.preferred and "list" in (kind.verbs or ())
        if not listable or kind.kind in TELLS_OF_THE_PAST or kind.kind.endswith(LIST):
            continue
        try:
            found = client.get(kind).to_dict()["items"]
        except ApiException:  # a kind whose own server is away
            continue
        for item in found:
            place = item["metadata"].get("namespace")
            name = item["metadata"]["name"]
            yield f"{kind.kind} {f'{place}/' if place else ''}{name}", item


def definitions(cluster: Cluster) -> set[str]:
    """Custom resources that the cluster knows, whoever brought them."""
    return {name for name, _ in objects(cluster) if name.startswith("CustomResourceDefinition ")}


def deployments(cluster: Cluster) -> set[str]:
    """Namespaces of the deployments that stand, also those of others."""
    mine = "app.kubernetes.io/part-of=qhub"
    found = cluster.ask(cluster.core.list_namespace, label_selector=mine).items
    return {namespace.metadata.name for namespace in found}


def left(cluster: Cluster, mark: str, seconds: float = 90) -> set[str]:
    """Objects that still name `mark`, once all had time to go.

    Helm notes on everything that it makes which namespace the release is in, volumes know the
    claim that they were made for, and names of the rest begin with those of the deployment.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = {name for name, item in objects(cluster) if mark in json.dumps(item, default=str)}
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(1)
