"""The release of our own conda-store chart."""

from __future__ import annotations

from typing import Any

from qhub.config import Config
from qhub.hub import headers, namespaces
from qhub.hub.conda_store import rights, service
from qhub.releases.chart import mirrored

IMAGE = "quay.io/quansight/conda-store-server:2025.2.2"
DATABASE_IMAGE = "docker.io/library/postgres:17.7"
QUEUE_IMAGE = "docker.io/valkey/valkey:8.1.4"


def values(config: Config) -> dict[str, Any]:
    """What the chart is told."""
    store, images = config.conda_store, config.default_images
    size = store.worker.resources
    traefik = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "traefik"}}}
    return {
        "image": str(mirrored(config, images.conda_store or IMAGE)),
        "database": {"image": str(mirrored(config, images.postgres or DATABASE_IMAGE))},
        "queue": {"image": str(mirrored(config, images.valkey or QUEUE_IMAGE))},
        "host": config.domain or "",
        "hub": {
            "clientId": service.client_id(),
            "callback": service.CALLBACK,
            "scope": service.ACCESS,
        },
        "pagePolicy": headers.page_policy({}),
        "storage": {
            "subPath": namespaces.PLACE,
            "mountPath": str(namespaces.place(namespaces.IN_PODS)),
        },
        "dask": True,
        "channels": store.channels,
        "defaultNamespace": store.default_namespace,
        "namespaces": all_namespaces(config),
        "people": people(config),
        "worker": {
            "concurrency": store.worker.max_workers,
            "resources": {
                "requests": {"cpu": size.cpu_guarantee, "memory": size.mem_guarantee.bytes},
                "limits": {"cpu": size.cpu_limit, "memory": size.mem_limit.bytes},
            },
        },
        "networkPolicy": {"from": [traefik]},
    }


def all_namespaces(config: Config) -> list[str]:
    """Everybody's, one of each group, one of each person."""
    security = config.security
    return namespaces.known(security.users, security.groups, config.conda_store.default_namespace)


def people(config: Config) -> dict[str, dict[str, list[str]]]:
    """What each person may, as conda-store has it."""
    security, everybodys = config.security, config.conda_store.default_namespace
    groups = [*security.groups]
    return {
        name: rights.of_person(name, user.groups, groups, everybodys, config.is_admin(name))
        for name, user in security.users.items()
    }


def environments(config: Config) -> list[dict[str, Any]]:
    """Those of the configuration, one for each namespace whose people see it."""
    return [
        {
            "namespace": namespace,
            "name": one.name,
            "channels": one.channels,
            "dependencies": [
                item if isinstance(item, str) else {"pip": item.pip} for item in one.dependencies
            ],
        }
        for one in config.environments.values()
        for namespace in one.groups or [config.conda_store.default_namespace]
    ]
