"""05-jupyterhub: the hub, its users, groups, profiles, shared folders and idle culler.

`processes`: on this machine, by the services' own Python environments. `kubernetes`: in a cluster,
by the Zero to JupyterHub chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.backup.source import Away, Source
from qhub.config import Config, SecretRef
from qhub.config.profiles import JupyterLabProfile
from qhub.errors import PreflightError, StageError
from qhub.hub import names
from qhub.hubapi import Hub
from qhub.local.facts import Machine
from qhub.local.settings import HubSettings, Person
from qhub.releases import dask_gateway
from qhub.releases import jitsi as jitsi_release
from qhub.releases import jupyterhub as release
from qhub.releases.chart import Chart, mirrored
from qhub.releases.conda_store import all_namespaces
from qhub.stages.base import Address, InCluster, Log, Process, Say, Stage
from qhub.stages.infrastructure import (
    FACTS,
    GONE,
    ExistingInfrastructure,
    LocalInfrastructure,
)
from qhub.stages.kubernetes_ingress import KubernetesIngress
from qhub.stages.kubernetes_ingress import address as public_address
from qhub.stages.kubernetes_ingress import server as jitsi_server
from qhub.stages.kubernetes_initialize import (
    KubernetesInitialize,
    deployment_name,
    priority_classes,
)
from qhub.stages.logs import LogFile
from qhub.stages.release import ReleaseStage


def hub_settings(config: Config) -> HubSettings:
    """What the hub's Python code reads, the same on every platform."""
    return HubSettings.model_validate(
        {
            "project_name": config.project_name,
            "users": {name: _user(config, name) for name in config.security.users},
            "groups": {name: group.model_dump() for name, group in config.security.groups.items()},
            "profiles": [_profile(profile) for profile in config.profiles.jupyterlab],
            "theme": config.theme.jupyterhub.model_dump(mode="json"),
            "idle_culler": config.jupyterlab.idle_culler.model_dump(mode="json"),
            "authentication": config.security.authentication.model_dump(
                mode="json", exclude_none=True
            ),
            "monitoring": config.monitoring.enabled,
            "room_access": room_access(config),
            "conda_store": config.conda_store.default_namespace if config.has_conda_store else None,
        }
    )


def room_access(config: Config) -> dict[str, Any] | None:
    """The Jitsi server that takes tokens of the hub; None: there is none."""
    jitsi, server = config.jitsi, jitsi_server(config)
    own = jitsi_release.own(config)
    if not (jitsi.enabled and server and (own or jitsi.app_secret)):
        return None
    secret = jitsi.app_secret
    return {
        "server": server,
        "app_id": jitsi_release.APP if own else jitsi.app_id,
        "app_secret": secret.model_dump(mode="json", exclude_none=True) if secret else None,
        "subject": jitsi_release.XMPP if own else urlsplit(server).hostname,
        "project": config.project_name,
    }


def people(config: Config) -> dict[str, Person]:
    """Everybody's numbers and groups."""
    return {
        name: Person(uid=user.uid, primary_group=user.primary_group, groups=user.groups)
        for name, user in config.security.users.items()
    }


def _user(config: Config, name: str) -> dict[str, Any]:
    user = config.security.users[name]
    return {
        "uid": user.uid,
        "password": _password(user.password),
        "admin": config.is_admin(name),
        "primary_group": user.primary_group,
        "groups": list(user.groups),
    }


def _password(password: str | SecretRef | None) -> dict[str, Any] | None:
    if password is None:
        return None
    if isinstance(password, str):
        return {"hash": password}
    return password.model_dump(mode="json", exclude_none=True)


def _profile(profile: JupyterLabProfile) -> dict[str, Any]:
    spawner = profile.kubespawner_override
    return {
        "display_name": profile.display_name,
        "description": profile.description,
        "default": profile.default,
        "users": profile.users,
        "groups": profile.groups,
        "cpu_limit": spawner.cpu_limit,
        "cpu_guarantee": spawner.cpu_guarantee or None,
        "mem_limit": spawner.mem_limit.bytes,
        "mem_guarantee": spawner.mem_guarantee.bytes,
        "gpus": spawner.gpus,
        "environment": spawner.environment,
    }


class LocalOutputs(BaseModel):
    """Outputs of the processes module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Where the hub is opened.")
    facts: str = Field(description="File that says what was made of this machine.")


class LocalJupyterHub(Stage[HubSettings, LocalOutputs]):
    """JupyterHub, its proxy and its culler as processes of this machine."""

    name = "05-jupyterhub"
    variant = "processes"
    Inputs = HubSettings
    Outputs = LocalOutputs
    depends_on = (LocalInfrastructure,)
    sources: ClassVar[Mapping[str, Path]] = {"hub": Path(qhub.hub.__file__).parent}

    def inputs(self, config: Config) -> HubSettings:
        return hub_settings(config)

    def example(self, config: Config) -> LocalOutputs:
        return LocalOutputs(
            url=f"http://{config.local.address}:{config.local.port}",
            facts="/deployment/.qhub/machine.json",
        )

    def preflight(self, config: Config, folder: Path) -> None:
        from qhub.local import accounts
        from qhub.local.machine import resolve

        try:
            machine = resolve(LocalInfrastructure().inputs(config), folder / FACTS)
        except PreflightError:
            return  # 02-infrastructure has said it
        accounts.preflight(self.inputs(config), machine)

    def check(self, outputs: LocalOutputs, say: Say) -> None:
        del say
        from qhub.local.jupyterhub import wait_healthy

        machine = Machine.load(Path(outputs.facts))
        if machine is not None:
            # A supervisor that was just started brings its programs up in its own time.
            wait_healthy(machine)
        for address, reason in self.drift(outputs).items():
            raise StageError(self.name, f"{address}: {reason}", hint="see `qhub logs hub`")

    def drift(self, outputs: LocalOutputs) -> dict[str, str]:
        from qhub.local.status import drift_jupyterhub

        machine = Machine.load(Path(outputs.facts))
        if machine is None:
            return {"terraform_data.jupyterhub": GONE}
        return drift_jupyterhub(machine)

    def processes(self, outputs: LocalOutputs) -> list[Process]:
        from qhub.local import status

        machine = Machine.load(Path(outputs.facts))
        return [Process(**asdict(p)) for p in status.everything(machine)] if machine else []

    def users_online(self, outputs: LocalOutputs) -> list[str]:
        from qhub.local import status

        machine = Machine.load(Path(outputs.facts))
        return status.online(machine) if machine else []

    def data(self, outputs: LocalOutputs) -> Source | None:
        from qhub.local.data import LocalData

        machine = Machine.load(Path(outputs.facts))
        return LocalData(machine) if machine else None

    def logs(self, outputs: LocalOutputs) -> Mapping[str, Log]:
        from qhub.local import status

        machine = Machine.load(Path(outputs.facts))
        found = status.logs(machine) if machine else {}
        return {name: LogFile(path) for name, path in found.items()}

    def notices(self, outputs: LocalOutputs) -> list[str]:
        from qhub.local import monitoring

        machine = Machine.load(Path(outputs.facts))
        return monitoring.notices(machine) if machine else []

    def addresses(self, outputs: LocalOutputs) -> list[Address]:
        return [Address("JupyterHub", outputs.url)]


class KubernetesInputs(BaseModel):
    """What the hub is told, and the chart."""

    model_config = ConfigDict(extra="forbid")

    chart: Chart
    domain: str = Field(description="The name under which users open the hub.")
    settings: dict[str, Any] = Field(description="What the hub's Python code reads; no secrets.")
    names: dict[str, str] = Field(description="`passwd` and `group` for people's pods.")
    image: str = Field(description="Image with Python for the pod that makes people's folders.")
    values: dict[str, Any] = Field(description="Values of the chart.")
    overrides: dict[str, Any] = Field(description="Values that go over all others.")


TOKENS = ("qhub", "ssh", "dask-gateway", "conda-store", "jitsi", "prometheus")
"""What the hub shares a secret with."""


class KubernetesOutputs(InCluster):
    """What later stages use of the hub in a cluster."""

    url: str = Field(description="Where the hub is opened.")
    folders_job: str = Field(description="The Job that made the folders of people and groups.")
    api_url: str = Field(description="The hub's API, from inside the cluster.")
    tokens: dict[str, str] = Field(description="Tokens of the services beside the hub, by service.")


class KubernetesJupyterHub(ReleaseStage[KubernetesInputs, KubernetesOutputs]):
    """JupyterHub and its proxy as a Helm release."""

    name = "05-jupyterhub"
    variant = "kubernetes"
    made: ClassVar[Mapping[str, str]] = {"jupyterhub": "helm_release.jupyterhub"}
    providers = ("existing",)
    Inputs = KubernetesInputs
    Outputs = KubernetesOutputs
    depends_on = (ExistingInfrastructure, KubernetesInitialize, KubernetesIngress)
    sources: ClassVar[Mapping[str, Path]] = {"hub": Path(qhub.hub.__file__).parent}

    def inputs(self, config: Config) -> KubernetesInputs:
        settings = pod_settings(config)
        return KubernetesInputs(
            chart=release.source(config),
            domain=config.domain or "",
            settings=settings,
            names={
                "passwd": names.passwd(settings["users"], settings["groups"]),
                "group": names.group(settings["users"], settings["groups"]),
            },
            image=str(release.hub_image(config)),
            values=release.values(config, priority_classes(config)),
            overrides=config.jupyterhub.overrides,
        )

    def secrets(self, config: Config) -> dict[str, Any]:
        security = config.security
        salt = f"{config.project_name} {config.namespace}"
        passwords = {
            name: hashed
            for name, user in security.users.items()
            if (hashed := user.password_hash(f"{salt} {name}"))
        }
        signing = config.jitsi.app_secret if room_access(config) else None
        return {
            "passwords": passwords,
            "authentication": security.authentication.resolve(),
            "rooms": signing.resolve() if signing else None,
        }

    def example(self, config: Config) -> KubernetesOutputs:
        return KubernetesOutputs(
            url=f"https://{config.domain}",
            namespace=config.namespace,
            folders_job="qhub-folders-example",
            api_url=f"http://hub.{config.namespace}.svc:8081/hub/api",
            tokens=dict.fromkeys(TOKENS, "example"),
        )

    def check(self, outputs: KubernetesOutputs, say: Say) -> None:
        from qhub.kubernetes.rollout import wait_ready

        wait_ready(
            self.name,
            outputs.context,
            outputs.namespace,
            jobs=[outputs.folders_job],
            deployments=["hub", "proxy"],
            say=say,
        )

    def users_online(self, outputs: KubernetesOutputs) -> list[str]:
        from qhub.kubernetes.cluster import reach
        from qhub.kubernetes.pods import pods

        # Their pods tell it also while the hub is down.
        found = pods(reach(outputs.context), outputs.namespace)
        return sorted({pod.user for pod in found if pod.user and pod.state == "Running"})

    def data(self, outputs: KubernetesOutputs) -> Away:
        from qhub.kubernetes.data import ClusterData

        return ClusterData(outputs.context, outputs.namespace)

    def hub(self, outputs: KubernetesOutputs) -> Hub:
        from qhub.kubernetes.cluster import Access
        from qhub.kubernetes.forward import connection

        access, port = Access.find(outputs.context), urlsplit(outputs.api_url).port or 80
        connect = partial(connection, access, outputs.namespace, "hub", port)
        return Hub(connect, outputs.tokens["qhub"])

    def addresses(self, outputs: KubernetesOutputs) -> list[Address]:
        return [Address("JupyterHub", outputs.url)]


def pod_settings(config: Config) -> dict[str, Any]:
    """What the hub's Python code reads where servers are pods."""
    settings = hub_settings(config).model_dump(mode="json")
    for user in settings["users"].values():
        del user["password"]
    if settings["room_access"]:
        del settings["room_access"]["app_secret"]
    authentication = config.security.authentication
    settings["authentication"] = {
        "type": authentication.type,
        "authentication_class": getattr(authentication, "authentication_class", None),
    }
    for profile, one in zip(settings["profiles"], config.profiles.jupyterlab, strict=True):
        override = one.kubespawner_override
        profile["image"] = str(mirrored(config, override.image)) if override.image else None
        profile["node_selector"] = override.node_selector
        profile["devices"] = override.extra_resource_limits
    settings["namespaces"] = all_namespaces(config) if config.has_conda_store else []
    image = dask_gateway.cluster_image(config)
    settings["dask"] = {
        "url": dask_gateway.address(config, deployment_name(config)),
        "public": public_address(config),
        "image": str(image) if image else None,
    }
    settings["cluster"] = {
        "url": public_address(config),
        "image": str(release.server_image(config)),
        "own_homes": config.storage.home is not None,
        "home_size": str(config.storage.home or ""),
        "panel": jitsi_release.panel_files(),
        "tolerations": [],
        "volumes": [],
        "mounts": [],
    }
    return settings
