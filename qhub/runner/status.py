"""`status`: what is deployed, whether it works, and how it differs from the config."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from qhub.config import Config
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.runner.render import render_stage
from qhub.stages import select
from qhub.stages.base import Address, Process
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
    users_online: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Everything is deployed and as it was applied."""
        return all(stage.state == "deployed" and not stage.drift for stage in self.stages)


def status(config: Config, folder: Folder) -> DeploymentStatus:
    """Look at the deployment; changes nothing, and needs no lock."""
    result = DeploymentStatus()
    if not folder.applied_stages():
        result.stages = [StageStatus(stage.name, "absent") for stage in select(config)]
        return result
    deployment = Deployment(find_engine(), folder, threading.Event())
    for stage in select(config):
        outputs = deployment.applied_outputs(stage)
        found = StageStatus(stage.name, _state(folder, stage.name))
        result.stages.append(found)
        if outputs is None:
            continue
        found.drift = [f"{where}: {why}" for where, why in stage.drift(outputs).items()]
        found.pending = any(
            not (path := folder.applied / stage.name / name).is_file()
            or path.read_bytes() != content
            for name, content in render_stage(stage, config).items()
        )
        result.addresses += stage.addresses(outputs)
        result.processes += stage.processes(outputs)
        result.users_online += stage.users_online(outputs)
        result.notices += stage.notices(outputs)
    return result


def _state(folder: Folder, stage: str) -> str:
    if folder.is_complete(stage):
        return "deployed"
    return "partial" if (folder.applied / stage).is_dir() else "absent"
