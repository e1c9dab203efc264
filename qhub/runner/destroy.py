"""`destroy`: take stages away, the last first, from what was last applied."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from qhub import stages as platform
from qhub.errors import QhubError, StageError
from qhub.runner.folder import Folder
from qhub.runner.graph import walk
from qhub.runner.interrupt import stop_on_signals
from qhub.runner.log import RunLog
from qhub.runner.operation import Operation, Steps, raise_first
from qhub.runner.progress import Report
from qhub.runner.record import Record
from qhub.terraform import find_engine

KEEP_DATA = "QHUB_KEEP_DATA"
"""Environment variable that tells a module's destroy to leave users' data."""


@dataclass
class Destroyed:
    """What came of a run."""

    stages: list[str] = field(default_factory=list)
    seconds: float = 0.0


def destroy(
    folder: Folder, report: Report, *, keep_data: bool = False, parallelism: int = 4
) -> Destroyed:
    """Take down all that was deployed from the folder, also what a failed run left half-made.

    Needs no config: it works from the modules and inputs that were last applied. A stage that
    fails does not keep the others from being taken down.

    Raises:
        StageError: Something is left; the message lists it.
        LockedError, Interrupted: As in `deploy`.
    """
    started = time.monotonic()
    stages = folder.applied_stages()
    if not stages:
        return Destroyed()
    engine = find_engine()
    with (
        folder.locked("destroy"),
        RunLog(folder, "destroy") as log,
        stop_on_signals() as stop,
        Record.load(folder).alone("destroy"),
    ):
        operation = Operation(engine, folder, stop, log, report)
        errors = destroy_stages(operation, stages, keep_data=keep_data, parallelism=parallelism)
        if stop.is_set():
            raise_first(errors, stop)
        if errors:
            raise _left_over(operation, errors)
    _remove_own_files(folder)
    return Destroyed(stages, time.monotonic() - started)


def destroy_stages(
    operation: Operation, names: Sequence[str], *, keep_data: bool = False, parallelism: int
) -> dict[str, QhubError]:
    """Destroy these stages, each after those that need it; returns the errors by stage."""

    def work(name: str) -> None:
        def take_down(steps: Steps) -> str:
            _destroy_stage(operation, name, steps, keep_data=keep_data)
            return "destroyed"

        operation.step(name, take_down)

    needs = _dependants(operation, names)
    return walk(needs, work, parallelism=parallelism, stop=operation.stop, go_on=True)


def _dependants(operation: Operation, names: Sequence[str]) -> dict[str, list[str]]:
    """For each stage those that must be gone before it."""
    stages = platform.of(operation.record.provider)
    known = {stage.name: [needed.name for needed in stage.depends_on] for stage in stages}
    return {
        name: [other for other in names if name in known.get(other, []) and other != name]
        for name in names
    }


def _destroy_stage(operation: Operation, name: str, steps: Steps, *, keep_data: bool) -> None:
    variables = {}
    found = next((s for s in platform.of(operation.record.provider) if s.name == name), None)
    if found is not None:
        for needed in found.depends_on:
            if (outputs := operation.applied_outputs(needed())) is not None:
                operation.outputs[needed.name] = outputs
        variables = operation.upstream(found)
        if (own := operation.applied_outputs(found)) is not None:
            found.clear(own)
    module = operation.module(
        name, operation.folder.applied / name, variables, {KEEP_DATA: "1"} if keep_data else {}
    )
    module.init(steps.listen)
    if module.resources():
        module.destroy(steps.listen)
    if found is not None and operation.record.place:
        found.sweep(operation.record.place, steps.say)
    operation.forget(name)


def _left_over(operation: Operation, errors: dict[str, QhubError]) -> QhubError:
    lines = [error.message for error in errors.values()]
    for name in errors:
        module = operation.module(name, operation.folder.applied / name, {})
        lines += [f"left: {name} {address}" for address in module.resources()]
    return StageError(
        "destroy",
        "\n".join(lines),
        hint=f"mend the cause and run `qhub destroy` again; the whole story: {operation.log.path}",
    )


def _remove_own_files(folder: Folder) -> None:
    """Remove what qhub itself kept: `stages/` of a destroyed deployment, and `.qhub/`."""
    for stage in platform.STAGES:
        shutil.rmtree(folder.stages / stage.name, ignore_errors=True)
    if folder.stages.is_dir() and not any(folder.stages.iterdir()):
        folder.stages.rmdir()
    shutil.rmtree(folder.private, ignore_errors=True)
