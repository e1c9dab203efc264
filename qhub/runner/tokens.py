"""`user token`: tokens of people, given out by the hub of a deployment."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from qhub.config import Config
from qhub.config.nearest import did_you_mean
from qhub.errors import HubError, UsageError
from qhub.hubapi import Hub
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.stages import select
from qhub.terraform import find_engine


def issue(
    config: Config,
    folder: Folder,
    name: str,
    *,
    seconds: int | None,
    note: str,
    scopes: Sequence[str] | None = None,
) -> str:
    """A new token of somebody's, also of one who never logged in.

    Args:
        config: The deployment.
        folder: Where it was deployed from.
        name: Whose token.
        seconds: How long it is valid; None: until it is revoked.
        note: What its owner sees beside it.
        scopes: What it may do; None: all that its owner may.

    Raises:
        UsageError: There is nobody of this name, or no such scope.
        HubError: No hub is deployed, it doesn't answer, or it refuses.
    """
    known = config.security.users
    if name not in known:
        message = f"there is no user `{name}`{did_you_mean(name, known)}"
        raise UsageError(message, f"`qhub user add {name}` adds them")
    try:
        return _hub(config, folder).token(name, seconds=seconds, note=note, scopes=scopes)
    except OSError as error:
        raise HubError(
            f"the hub does not answer: {error.strerror or error}",
            "`qhub status` tells what is wrong",
        ) from error


def _hub(config: Config, folder: Folder) -> Hub:
    applied = folder.applied_stages()
    deployment = Deployment(find_engine(), folder, threading.Event())
    for stage in select(config):
        outputs = deployment.applied_outputs(stage) if stage.name in applied else None
        found = None if outputs is None else stage.hub(outputs)
        if found is not None:
            return found
    raise HubError("nothing is deployed, so no hub can give out tokens", "qhub deploy")
