"""05-jupyterhub: the hub, its users, groups, profiles, shared folders and idle culler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

import qhub.hub
from qhub.backup.source import Source
from qhub.config import Config, SecretRef
from qhub.config.profiles import JupyterLabProfile
from qhub.errors import PreflightError, StageError
from qhub.local.facts import Machine
from qhub.local.settings import HubSettings, Person
from qhub.stages.base import Address, Process, Stage
from qhub.stages.infrastructure import FACTS, GONE, LocalInfrastructure


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
            "conda_store": config.conda_store.default_namespace
            if config.conda_store.enabled
            else None,
        }
    )


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

    def check(self, outputs: LocalOutputs) -> None:
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

    def logs(self, outputs: LocalOutputs) -> dict[str, Path]:
        from qhub.local import status

        machine = Machine.load(Path(outputs.facts))
        return status.logs(machine) if machine else {}

    def notices(self, outputs: LocalOutputs) -> list[str]:
        from qhub.local import monitoring

        machine = Machine.load(Path(outputs.facts))
        return monitoring.notices(machine) if machine else []

    def addresses(self, outputs: LocalOutputs) -> list[Address]:
        return [Address("JupyterHub", outputs.url)]
