"""`destroy`: take stages away, the last first, from what was last applied."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from qhub import stages as platform
from qhub.errors import ClusterError, EngineError, QhubError, StageError, StateLocked
from qhub.runner.folder import Folder
from qhub.runner.graph import walk
from qhub.runner.interrupt import stop_on_signals
from qhub.runner.log import RunLog
from qhub.runner.operation import (
    FROM_ELSEWHERE,
    AnyStage,
    Operation,
    Steps,
    backend,
    raise_first,
)
from qhub.runner.progress import Report
from qhub.runner.record import Record
from qhub.terraform import Event, find_engine

TRIES = 3
"""How often what somebody else takes away at the same time, a namespace say, may get in the way."""

WENT = "some of it went by itself meanwhile"
NO_CHART = "its chart can't be had, so by the state alone"

KEEP_DATA = "QHUB_KEEP_DATA"
"""Environment variable that tells a module's destroy to leave users' data."""


@dataclass
class Destroyed:
    """What came of a run."""

    stages: list[str] = field(default_factory=list)
    seconds: float = 0.0
    kept: list[str] = field(default_factory=list)


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
    stages, record = folder.applied_stages(), Record.load(folder)
    if not stages and not record.place:
        return Destroyed()
    engine = find_engine()
    with (
        folder.locked("destroy"),
        RunLog(folder, "destroy") as log,
        stop_on_signals() as stop,
        record.alone("destroy", folder),
    ):
        operation = Operation(engine, folder, stop, log, report)
        kept = _volumes(operation, keep_data=keep_data)
        errors = destroy_stages(operation, stages, keep_data=keep_data, parallelism=parallelism)
        if stop.is_set():
            raise_first(errors, stop)
        _forget_begun(operation)
        left = _left(operation, errors, keep_data=keep_data)
        if errors or left:
            raise _failure(operation, errors, left)
    _remove_own_files(folder)
    return Destroyed(stages, time.monotonic() - started, kept)


def _volumes(operation: Operation, *, keep_data: bool) -> list[str]:
    """Settle what becomes of volumes in a cluster when their claims go; returns what is kept."""
    place = operation.record.place
    if not place:
        return []
    from qhub.kubernetes import keep
    from qhub.kubernetes.cluster import reach

    kept: list[str] = []
    cluster = reach(place.context)
    if keep_data:
        keep.hold(cluster, place.namespace, place.name, kept.append)
    else:
        keep.let_go(cluster, place.namespace, place.name)
    return kept


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
    found = next((s for s in platform.of(operation.record.provider) if s.name == name), None)
    place = operation.record.place
    if found is not None:
        if (own := operation.applied_outputs(found)) is not None:
            found.clear(own)
        if place:
            found.vacate(place, steps.say)
    if found is None or not place or _stands(operation, found):
        _destroy_module(operation, name, found, steps, keep_data=keep_data)
    else:  # an earlier run took away what it was in, and could not end this one
        steps.say("what it was in is gone")
    if found is not None and place:
        found.sweep(place, steps.say)
    operation.forget(name)


def _stands(operation: Operation, stage: AnyStage) -> bool:
    """Whether all is there that a stage was made with; its module can't be asked without."""
    return set(operation.folder.applied_stages()) >= {one.name for one in stage.depends_on}


def _destroy_module(
    operation: Operation, name: str, stage: AnyStage | None, steps: Steps, *, keep_data: bool
) -> None:
    variables, refresh = {}, True
    if stage is not None:
        for needed in stage.depends_on:
            if (outputs := operation.applied_outputs(needed())) is not None:
                operation.outputs[needed.name] = outputs
        variables = operation.upstream(stage)
        refresh = len(variables) == len(stage.depends_on)
    module = operation.module(
        name, operation.folder.applied / name, variables, {KEEP_DATA: "1"} if keep_data else {}
    )
    operation.change(module, steps, lambda _: module.init(steps.listen))

    def take_down(patience: int) -> None:
        module.destroy(steps.listen, refresh=refresh, patience=patience)

    for left in reversed(range(TRIES)):
        if not module.resources():
            return
        try:
            operation.change(module, steps, take_down)
        except StateLocked:
            raise
        except EngineError:
            reason = _passing(steps.errors)
            if not (operation.record.place and reason and left):
                raise
            refresh = refresh and reason is not NO_CHART
            steps.say(f"{reason}; trying again")
            steps.restart()


def _passing(errors: Sequence[Event]) -> str | None:
    """Why what failed may do when it is tried again; None where it won't."""
    if errors and all("not found" in one.message for one in errors):
        return WENT
    if any(FROM_ELSEWHERE.search(one.message) for one in errors):
        return NO_CHART
    return None


def _forget_begun(operation: Operation) -> None:
    """Drop the states of stages in whose very first `init` a run was killed."""
    context, folder = operation.record.context, operation.folder
    if not context:
        return
    from qhub.kubernetes.state import forget_begun

    begun = {stage.name for stage in platform.of(operation.record.provider)}
    for name in sorted(begun - set(folder.applied_stages())):
        module = folder.stages / name
        rendered = (module / "backend.tf.json").is_file()
        if rendered and (settings := backend(module).get("kubernetes")):
            forget_begun(context, settings)


def _left(operation: Operation, errors: dict[str, QhubError], *, keep_data: bool) -> list[str]:
    """What is still there, by kind and name, in the words of who would look for it."""
    place = operation.record.place
    if place is None:
        return [
            f"{name} {address}"
            for name in errors
            for address in operation.module(name, operation.folder.applied / name, {}).resources()
        ]
    from qhub.kubernetes import remains
    from qhub.kubernetes.cluster import reach

    look = remains.remains if errors else remains.awaited
    try:
        found = look(reach(place.context), place.namespace, place.name, kept=keep_data)
    except ClusterError as error:
        return [f"perhaps more: {error.message}"]
    return list(map(str, found))


def _failure(operation: Operation, errors: dict[str, QhubError], left: list[str]) -> QhubError:
    lines = [error.message for error in errors.values()] or ["not all went"]
    told = dict.fromkeys(error.hint or "" for error in errors.values())
    hints = [hint for hint in told if hint and not hint.startswith("the whole story")]
    again = f"run `qhub destroy` again; the whole story: {operation.log.path}"
    hints.append(f"then {again}" if hints else f"mend the cause and {again}")
    return StageError(
        "destroy", "\n".join([*lines, *(f"left: {one}" for one in left)]), hint="\n".join(hints)
    )


def _remove_own_files(folder: Folder) -> None:
    """Remove what qhub itself kept: `stages/` of a destroyed deployment, and `.qhub/`."""
    for stage in platform.STAGES:
        shutil.rmtree(folder.stages / stage.name, ignore_errors=True)
    if folder.stages.is_dir() and not any(folder.stages.iterdir()):
        folder.stages.rmdir()
    shutil.rmtree(folder.private, ignore_errors=True)
