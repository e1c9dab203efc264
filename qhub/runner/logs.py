"""`logs`: the logs of a deployment, by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from difflib import get_close_matches

from qhub.config import Config
from qhub.errors import UsageError
from qhub.runner.folder import Folder
from qhub.runner.operation import Deployment
from qhub.stages import select
from qhub.stages.base import Log
from qhub.stages.logs import LogFile
from qhub.terraform import find_engine


def logs(config: Config, folder: Folder) -> dict[str, Log]:
    """Logs by name: those of what runs, and the newest of each kind of run (`deploy`, …)."""
    found: dict[str, Log] = {}
    if folder.applied_stages():
        deployment = Deployment(find_engine(), folder, threading.Event())
        for stage in select(config):
            outputs = deployment.applied_outputs(stage)
            if outputs is not None:
                found.update(stage.logs(outputs))
    for path in sorted((folder.private / "logs").glob("*.log")):
        found[path.stem.rsplit("-", 1)[1]] = LogFile(path)
    return found


def find_log(name: str, known: Mapping[str, Log]) -> Log:
    """The log of that name.

    Raises:
        UsageError: There is none.
    """
    if name in known:
        return known[name]
    if not known:
        raise UsageError("nothing is deployed, so there are no logs", hint="qhub deploy")
    near = get_close_matches(name, known, 1)
    raise UsageError(
        f"no log of {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
        hint=f"there are: {', '.join(known)}",
    )
