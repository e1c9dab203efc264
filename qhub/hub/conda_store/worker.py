"""conda-store's worker, which builds; what it built is listed as kernels."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator"

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import stores
from celery.signals import heartbeat_sent, task_postrun, worker_ready
from conda_store_server._internal.worker.app import CondaStoreWorker
from kernels import publish
from told import settings as read

_CHANGES = {
    "task_build_conda_environment",
    "task_update_environment_build",
    "task_delete_build",
    "task_delete_environment",
    "task_delete_namespace",
}
"""Tasks after which other environments are there."""


def _publish() -> None:
    settings = read()
    places = [Path(settings["store"], name) for name in settings["namespaces"]]
    dask = settings.get("dask", False)
    publish(places, Path(settings["state"], "kernels.lock"), dask=dask)


@worker_ready.connect
def _ready(**_: Any) -> None:
    _publish()


@heartbeat_sent.connect
def _alive(**_: Any) -> None:
    """Show who looks after the worker that it goes on; a container has nothing else to ask."""
    if mark := os.environ.get("QHUB_ALIVE"):
        Path(mark).touch()


@task_postrun.connect
def _done(task: Any = None, **_: Any) -> None:
    if task.name in _CHANGES:
        _publish()


if __name__ == "__main__":
    stores.wait(read())
    config = str(Path(__file__).with_name("config.py"))
    sys.argv[1:] = ["--config", config]  # each process that builds reads them anew
    CondaStoreWorker.launch_instance()
