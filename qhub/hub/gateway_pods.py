"""Dask-Gateway's configuration where clusters are pods.

The Dask-Gateway chart calls `configure` at the end of its own configuration. Its image has
dask-gateway-server and what that needs, nothing else; and it can't be given files, so that this
module and those it imports come as text.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from dask_gateway_server.backends.kubernetes.backend import KubeBackend
from dask_gateway_server.options import Options, Select, String

from . import dask_options, dask_pods
from .dashboards import DashboardAuthenticator
from .limited_backend import LimitedBackend
from .pod import PersonsPod
from .profiles import ProfileError, Profiles

COOKIES = "QHUB_COOKIES"
"""Variable of the secret that the cookies of dashboards are sealed with."""


class PodBackend(LimitedBackend, KubeBackend):
    """Orders clusters from the controller."""


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Everything that the chart's values can't say."""
    c.DaskGateway.authenticator_class = DashboardAuthenticator
    key = hashlib.sha256(os.environ[COOKIES].encode()).digest()
    c.DashboardAuthenticator.cookie_key = base64.urlsafe_b64encode(key).decode()
    c.DashboardAuthenticator.secure = settings["secure"]
    c.DaskGateway.backend_class = PodBackend
    c.PodBackend.max_clusters_per_user = settings["max_clusters_per_user"]
    c.PodBackend.cluster_options = options(settings)
    c.KubeClusterConfig.idle_timeout = settings["idle_timeout"] * 60
    c.KubeClusterConfig.adaptive_period = 1


def options(settings: Mapping[str, Any]) -> Callable[[Any], Options]:
    """What a person may choose: where it runs, and one of the worker profiles open to them."""
    people, cluster = settings["users"], settings["cluster"]

    def profiles(of: str) -> Profiles:
        return Profiles(settings[of], lambda name: people.get(name, {}).get("groups", []))

    servers = profiles("servers")

    def where(name: str) -> list[Any]:
        own = (server["image"] for server in servers.allowed(name).values())
        found = dict.fromkeys((cluster["image"], *(image for image in own if image)))
        options = [Select(dask_pods.IMAGE, list(found), label="Image")]
        if settings["conda_store"]:
            options.append(String(dask_pods.ENVIRONMENT, "", label="Environment"))
        return options

    def ordered(name: str, chosen: Any) -> dict[str, Any]:
        if name not in people:
            raise ProfileError("You are not among the users of the configuration.")
        worker = dict(chosen.profile)
        found = dask_pods.overrides(
            PersonsPod.of(name, settings),
            worker,
            getattr(chosen, dask_pods.IMAGE),
            cluster,
            getattr(chosen, dask_pods.ENVIRONMENT, ""),
        )
        return {**found, "cluster_max_workers": dask_options.most_workers(worker, settings)}

    return dask_options.options(profiles("workers"), where, ordered)
