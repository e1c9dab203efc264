"""`ssh-config`: how to reach a deployment over SSH, in the words of OpenSSH."""

from __future__ import annotations

import base64
import hashlib
import threading

from qhub.config import Config
from qhub.config.nearest import did_you_mean, listed
from qhub.errors import UsageError
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.stages import select
from qhub.stages.kubessh import SshOutputs
from qhub.terraform import find_engine


def ssh_outputs(config: Config, folder: Folder) -> SshOutputs:
    """Where SSH is reached, as it was deployed.

    Raises:
        UsageError: SSH is not in the configuration, or not deployed.
    """
    for stage in select(config):
        if issubclass(stage.Outputs, SshOutputs):
            break
    else:
        raise UsageError("SSH is not enabled", "set `kubessh: {enabled: true}` and deploy")
    outputs = None
    if folder.is_complete(stage.name):
        deployment = Deployment(find_engine(), folder, threading.Event())
        outputs = deployment.applied_outputs(stage)
    if not isinstance(outputs, SshOutputs) or not outputs.host_key:
        raise UsageError("SSH is not deployed", "qhub deploy")
    return outputs


def chosen_user(config: Config, name: str | None) -> str | None:
    """The user for the block: the one asked for, or the only one there is.

    Raises:
        UsageError: Nobody is called so.
    """
    names = list(config.security.users)
    if name is None:
        return names[0] if len(names) == 1 else None
    if name not in names:
        message = f"there is no user {name}{did_you_mean(name, names)}"
        raise UsageError(message, f"`security.users` has: {listed(names)}")
    return name


def fingerprint(host_key: str) -> str:
    """What ssh shows of a host key when it asks whether to trust it."""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def known_hosts(outputs: SshOutputs) -> str:
    """The line that makes ssh trust the host key, for `~/.ssh/known_hosts`."""
    kind, data = outputs.host_key.split()[:2]
    host = outputs.host if outputs.port == 22 else f"[{outputs.host}]:{outputs.port}"
    return f"{host} {kind} {data}"


def config_block(config: Config, outputs: SshOutputs, user: str | None) -> str:
    """The block for `~/.ssh/config`."""
    name = config.project_name
    return "\n".join(
        (
            f"# The host key of {name} is {fingerprint(outputs.host_key)}",
            f"Host {name}",
            f"    HostName {outputs.host}",
            f"    Port {outputs.port}",
            f"    User {user}" if user else "    #User your name at the hub",
            "    HostKeyAlgorithms ssh-ed25519",
            "    ServerAliveInterval 30",
        )
    )
