"""What a deploy does with one stage, apply it and check it, and what comes before either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from qhub.config import Config
from qhub.errors import EngineError, StageError, StateLocked
from qhub.runner.adopt import adopt
from qhub.runner.operation import AnyStage, Operation, Steps, secret_variables
from qhub.terraform import Module


class Task(NamedTuple):
    """Half of the work on a stage."""

    stage: str
    part: Literal["apply", "check"]


def order(stages: Sequence[AnyStage]) -> dict[Task, list[Task]]:
    """For each task those that come first.

    Stages that need another wait for its check only where it is `awaited`. Their own checks always
    do, so that the one to fail is the one with the cause.
    """
    needs: dict[Task, list[Task]] = {}
    for stage in stages:
        applied = Task(stage.name, "apply")
        checked = [Task(needed.name, "check") for needed in stage.depends_on]
        needs[applied] = [
            Task(needed.name, "check" if needed.awaited else "apply") for needed in stage.depends_on
        ]
        needs[Task(stage.name, "check")] = [applied, *checked]
    return needs


def apply(operation: Operation, config: Config, stage: AnyStage, steps: Steps) -> None:
    """Bring what a stage is made of to what the config says.

    Raises:
        QhubError: It can't be; what was made stands, and the next deploy goes on from there.
    """
    folder = operation.folder
    variables = {**operation.upstream(stage), **secret_variables(stage, config)}
    module = operation.module(stage.name, folder.stages / stage.name, variables)
    operation.change(module, steps, lambda _: module.init(steps.listen))
    folder.remember(stage.name)  # with the lock file, so that its destroy takes the same providers
    before = operation.read_outputs(stage, module)
    drift = stage.drift(before) if before is not None else {}
    for address, reason in drift.items():
        steps.say(f"{address}: {reason}")
    for told in stage.retract(before, config) if before is not None else ():
        steps.say(told)
    if operation.record.place:
        stage.prepare(operation.record.place, steps.say)
    if drift and stage.repairs:
        stage.repair(before)
    _change(operation, config, stage, module, steps, [] if stage.repairs else list(drift))
    steps.count_repairs(drift)
    outputs = operation.read_outputs(stage, module)
    if outputs is None:
        raise StageError(stage.name, "the module gave no outputs, or not those it should")
    operation.outputs[stage.name] = outputs


def check(operation: Operation, stage: AnyStage, steps: Steps) -> None:
    """Wait until a stage that was applied works.

    Raises:
        QhubError: It doesn't.
    """
    outputs = operation.outputs[stage.name]
    stage.publish(outputs, steps.say)
    steps.say("checking")
    stage.check(outputs, steps.say)
    operation.folder.mark_complete(stage.name)


def _change(
    operation: Operation,
    config: Config,
    stage: AnyStage,
    module: Module,
    steps: Steps,
    replace: list[str],
) -> None:
    """Apply the module, and take up what an earlier run left half done where that is met."""
    known: dict[str, str] = {}
    place = operation.record.place
    try:
        while True:
            try:
                operation.change(
                    module, steps, lambda p: module.apply(steps.listen, replace=replace, patience=p)
                )
            except StateLocked:
                raise
            except EngineError:
                # Terraform held the state's lock, so whoever left something is at work no more.
                left = place and (
                    stage.resume(config, place.context) or adopt(place, module, steps, known)
                )
                if not left:
                    raise
                steps.say(f"{left}; trying again")
                steps.restart()
            else:
                return
    finally:
        module.adopt({})
