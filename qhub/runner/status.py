"""`status`: what is deployed, whether it works, and how it differs from the config."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from pydantic import BaseModel

from qhub.config import Config
from qhub.runner.folder import Folder
from qhub.runner.operation import AnyStage, Deployment
from qhub.runner.render import render_stage
from qhub.stages import select
from qhub.stages.base import Address, Certificate, Process, Release, Volume
from qhub.terraform import find_engine


@dataclass
class StageStatus:
    """One stage: `state` is absent, partial, deployed; `drift` what no longer is as applied."""

    name: str
    state: str
    drift: list[str] = field(default_factory=list)
    pending: bool = False


@dataclass
class DeploymentStatus:
    """A deployment as it is now; `pending` stages differ from the config until the next deploy."""

    stages: list[StageStatus] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    users_online: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Everything is deployed and as it was applied; not so where nothing could be looked at."""
        return bool(self.stages) and all(
            stage.state == "deployed" and not stage.drift for stage in self.stages
        )


def status(config: Config, folder: Folder) -> DeploymentStatus:
    """Look at the deployment; changes nothing, and needs no lock."""
    return Observer(folder).look(config)


def online(config: Config, folder: Folder) -> list[str] | None:
    """Users with a running server; None where no stage is deployed that could tell."""
    found = None
    observer = Observer(folder)
    for stage in select(config) if folder.applied_stages() else ():
        outputs = observer.outputs_of(stage)
        if outputs is not None:
            found = [*(found or ()), *stage.users_online(outputs)]
    return found


class Observer:
    """Looks at a deployment, as often as you like.

    What Terraform knows is asked for again once its state changed; what a stage compares to find
    drift takes longer than all else and is kept for `drift_seconds`.
    """

    def __init__(self, folder: Folder, drift_seconds: float = 0.0) -> None:
        self._folder = folder
        self._drift_seconds = drift_seconds
        self._outputs: dict[str, tuple[int, BaseModel | None]] = {}
        self._drift: dict[str, tuple[float, list[str]]] = {}

    def look(self, config: Config) -> DeploymentStatus:
        """The deployment as it is now."""
        result = DeploymentStatus()
        applied = self._folder.applied_stages()
        for stage in select(config):
            found = StageStatus(stage.name, self._state(stage.name))
            result.stages.append(found)
            outputs = self.outputs_of(stage) if applied else None
            if outputs is None:
                continue
            found.drift = self._drift_of(stage, outputs)
            found.pending = self._is_pending(stage, config)
            result.addresses += stage.addresses(outputs)
            result.processes += stage.processes(outputs)
            result.releases += stage.releases(outputs)
            result.volumes += stage.volumes(outputs)
            result.certificates += stage.certificates(outputs)
            result.users_online += stage.users_online(outputs)
            result.notices += stage.notices(outputs)
        known = {stage.name for stage in result.stages}
        for name in applied:
            if name not in known:  # the configuration has it no more; the next deploy removes it
                result.stages.append(StageStatus(name, self._state(name), pending=True))
        return result

    def _state(self, stage: str) -> str:
        if self._folder.is_complete(stage):
            return "deployed"
        return "partial" if (self._folder.applied / stage).is_dir() else "absent"

    def outputs_of(self, stage: AnyStage) -> BaseModel | None:
        """The stage's outputs as it was last applied."""
        # A state that is kept elsewhere changes with what is applied from here.
        places = (self._folder.state(stage.name), self._folder.applied / stage.name)
        changed = max((path.stat().st_mtime_ns for path in places if path.exists()), default=0)
        if self._outputs.get(stage.name, (None,))[0] != changed:
            deployment = Deployment(find_engine(), self._folder, threading.Event())
            self._outputs[stage.name] = changed, deployment.applied_outputs(stage)
            self._drift.pop(stage.name, None)
        return self._outputs[stage.name][1]

    def _drift_of(self, stage: AnyStage, outputs: BaseModel) -> list[str]:
        now = time.monotonic()
        when, found = self._drift.get(stage.name, (now, None))
        if found is None or now - when >= self._drift_seconds:
            found = [f"{where}: {why}" for where, why in stage.drift(outputs).items()]
            self._drift[stage.name] = now, found
        return found

    def _is_pending(self, stage: AnyStage, config: Config) -> bool:
        applied = self._folder.applied / stage.name
        return any(
            not (path := applied / name).is_file() or path.read_bytes() != content
            for name, content in render_stage(stage, config).items()
        )
