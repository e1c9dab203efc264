"""`deploy`: apply the stages of a config, each as soon as all that it needs is there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from qhub.config import Config
from qhub.errors import PreflightError, UsageError
from qhub.runner.apply import Task, apply, check, order
from qhub.runner.destroy import destroy_stages
from qhub.runner.folder import Folder
from qhub.runner.graph import walk
from qhub.runner.interrupt import stop_on_signals
from qhub.runner.log import RunLog
from qhub.runner.operation import AnyStage, Operation, Steps, raise_first
from qhub.runner.progress import Report, Status
from qhub.runner.record import Record
from qhub.runner.render import render, write_files
from qhub.runner.selection import WHOLE, Selection
from qhub.stages import select
from qhub.stages.base import Address
from qhub.terraform import Changes, find_engine

PARALLELISM = 4
"""Stages at the same time; there are rarely more that don't wait for one another."""


@dataclass
class Deployed:
    """What came of a run."""

    addresses: list[Address] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    changes: dict[str, Changes] = field(default_factory=dict)
    seconds: float = 0.0
    log: Path = Path()


def deploy(
    config: Config,
    folder: Folder,
    report: Report,
    *,
    selection: Selection = WHOLE,
    parallelism: int = PARALLELISM,
) -> Deployed:
    """Bring the deployment to what the config says.

    Safe to repeat: what is as it should be is left alone, what was interrupted is taken up again.

    Raises:
        PreflightError: This machine can't take it; nothing was changed.
        StageError: A stage failed; those before it stand.
        LockedError: Another run is at work on the folder.
        Interrupted: Ctrl-C or SIGTERM.
    """
    started = time.monotonic()
    stages = select(config)
    chosen = selection.pick(stages)
    engine = find_engine()
    with (
        folder.locked("deploy"),
        RunLog(folder, "deploy") as log,
        stop_on_signals() as stop,
        _identified(config, folder).alone("deploy", folder),
    ):
        preflight(config, folder, selection)
        write_files(render(config), folder)
        operation = Operation(engine, folder, stop, log, report)
        if selection.is_whole:
            gone = set(folder.applied_stages()) - {stage.name for stage in stages}
            raise_first(destroy_stages(operation, sorted(gone), parallelism=parallelism), stop)
        _read_upstream(operation, stages, chosen)
        result = Deployed(log=log.path)
        _run(operation, config, chosen, result, parallelism)
        for stage in chosen:
            outputs = operation.outputs[stage.name]
            result.addresses += stage.addresses(outputs)
            result.notices += stage.notices(outputs)
    result.seconds = time.monotonic() - started
    return result


def preflight(config: Config, folder: Folder, selection: Selection = WHOLE) -> None:
    """Look whether a deploy can work here, before anything is changed.

    Raises:
        PreflightError: It can't; the message lists all that stands in the way.
    """
    found: list[PreflightError] = []
    for stage in selection.pick(select(config)):
        try:
            stage.preflight(config, folder.root)
        except PreflightError as error:
            found.append(error)
    if found:
        raise PreflightError("\n".join(error.message for error in found), found[0].hint)


def _run(
    operation: Operation,
    config: Config,
    stages: list[AnyStage],
    result: Deployed,
    parallelism: int,
) -> None:
    """Apply and check the stages, and note what became of each."""
    by_name = {stage.name: stage for stage in stages}
    under_way: dict[str, Steps] = {}

    def work(task: Task) -> None:
        stage = by_name[task.stage]
        if task.part == "apply":
            under_way[stage.name] = steps = operation.begin(stage.name)
            with operation.failures_told(steps):
                apply(operation, config, stage, steps)
            result.changes[stage.name] = steps.changes
        else:
            steps = under_way[stage.name]
            with operation.failures_told(steps):
                check(operation, stage, steps)
            steps.say(steps.changes.done, Status.DONE)

    errors = walk(order(stages), work, parallelism=parallelism, stop=operation.stop)
    for name in result.changes:
        if not operation.folder.is_complete(name) and Task(name, "check") not in errors:
            under_way[name].say("applied, not checked", Status.FAILED)
    raise_first(errors, operation.stop)


def _read_upstream(operation: Operation, stages: list[AnyStage], chosen: list[AnyStage]) -> None:
    """Take the outputs of stages that this run leaves out from what was applied before."""
    left_out = {needed.name for stage in chosen for needed in stage.depends_on}
    for stage in stages:
        if stage in chosen or stage.name not in left_out:
            continue
        outputs = operation.applied_outputs(stage)
        if outputs is None:
            raise UsageError(
                f"{stage.name} was not deployed yet, and stages that you chose need it",
                hint="deploy without --from and --only first",
            )
        operation.outputs[stage.name] = outputs


def _identified(config: Config, folder: Folder) -> Record:
    """The record of what is deployed, after a look that it is what was deployed before."""
    record = Record.of(config, folder)
    record.keep(folder)
    return record
