"""`deploy --plan`: what a deploy would change, also before anything exists."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qhub.config import Config
from qhub.runner.folder import Folder
from qhub.runner.graph import walk
from qhub.runner.interrupt import stop_on_signals
from qhub.runner.log import RunLog
from qhub.runner.operation import AnyStage, Operation, Steps, raise_first, secret_variables
from qhub.runner.progress import Report
from qhub.runner.record import Record
from qhub.runner.render import INPUTS, render_stage
from qhub.runner.selection import WHOLE, Selection
from qhub.stages import select
from qhub.terraform import Changes, find_engine


@dataclass(frozen=True)
class Change:
    """What would become of one resource: `action` is create, update, replace, delete or repair."""

    action: str
    address: str
    reason: str = ""


@dataclass(frozen=True)
class StagePlan:
    """What would become of one stage.

    `assumed` names the stages that don't exist yet and whose outputs were made up for the plan;
    `settings` the inputs that differ from what was last applied.
    """

    name: str
    changes: tuple[Change, ...] = ()
    summary: Changes = field(default_factory=Changes)
    settings: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a deploy would change, stage by stage; `obsolete` stages would be destroyed."""

    stages: tuple[StagePlan, ...]
    obsolete: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.obsolete) or any(stage.changes for stage in self.stages)


def plan(
    config: Config,
    folder: Folder,
    report: Report,
    *,
    selection: Selection = WHOLE,
    parallelism: int = 4,
) -> Plan:
    """Ask Terraform what it would do; changes nothing that is deployed.

    Where a stage needs another that doesn't exist yet, that one's example outputs stand in.

    Raises:
        StageError: A stage can't be planned.
        LockedError, Interrupted: As in `deploy`.
    """
    stages = select(config)
    chosen = {stage.name: stage for stage in selection.pick(stages)}
    engine = find_engine()
    plans: dict[str, StagePlan] = {}
    with folder.locked("plan"), RunLog(folder, "plan") as log, stop_on_signals() as stop:
        operation = Operation(engine, folder, stop, log, report)
        operation.record = Record.of(config, folder)
        assumed = _outputs(operation, config, stages)
        scratch = folder.private / "plan"
        try:
            errors = walk(
                {name: [] for name in chosen},
                _worker(operation, config, chosen, assumed, plans),
                parallelism=parallelism,
                stop=stop,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        raise_first(errors, stop)
        gone = set(folder.applied_stages()) - {stage.name for stage in stages}
    obsolete = tuple(sorted(gone)) if selection.is_whole else ()
    return Plan(tuple(plans[name] for name in chosen), obsolete)


def _outputs(operation: Operation, config: Config, stages: list[AnyStage]) -> set[str]:
    """Fill in every stage's outputs, real or example; returns the names of the assumed ones."""
    assumed = set()
    for stage in stages:
        outputs = operation.applied_outputs(stage)
        if outputs is None:
            assumed.add(stage.name)
            outputs = stage.example(config)
        operation.outputs[stage.name] = outputs
    return assumed


def _worker(
    operation: Operation,
    config: Config,
    stages: dict[str, AnyStage],
    assumed: set[str],
    plans: dict[str, StagePlan],
) -> Callable[[str], None]:
    def work(name: str) -> None:
        stage = stages[name]

        def look(steps: Steps) -> str:
            drift = {} if name in assumed else stage.drift(operation.outputs[name])
            module_folder = _lay_out(operation.folder, config, stage)
            variables = {**operation.upstream(stage), **secret_variables(stage, config)}
            module = operation.module(name, module_folder, variables)
            module.init(steps.listen)
            # One that a dead run left in a cluster is for the deploy to judge; looking needs none.
            lock = operation.record.place is None
            module.plan(steps.listen, replace=[] if stage.repairs else list(drift), lock=lock)
            changes = _changes(steps, drift)
            plans[name] = StagePlan(
                name=name,
                changes=changes,
                summary=steps.changes,
                settings=_changed_settings(operation.folder, stage, config),
                assumed=tuple(need.name for need in stage.depends_on if need.name in assumed),
            )
            return str(steps.changes)

        operation.step(name, look)

    return work


def _changes(steps: Steps, drift: dict[str, str]) -> tuple[Change, ...]:
    """What Terraform would do, and what drifted where it doesn't look."""
    planned = [
        Change(event.action, event.address, drift.get(event.address, "")) for event in steps.planned
    ]
    repaired = steps.count_repairs(drift)
    return (*planned, *(Change("repair", address, drift[address]) for address in repaired))


def _lay_out(folder: Folder, config: Config, stage: AnyStage) -> Path:
    """Render the stage aside, so that a plan leaves `stages/` as it is."""
    target = folder.private / "plan" / stage.name
    for path, content in render_stage(stage, config).items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
    lock = folder.stages / stage.name / ".terraform.lock.hcl"
    if lock.is_file():
        shutil.copy(lock, target)
    return target


def _changed_settings(folder: Folder, stage: AnyStage, config: Config) -> tuple[str, ...]:
    applied = folder.applied / stage.name / INPUTS
    if not applied.is_file():
        return ()
    wanted = stage.inputs(config).model_dump(mode="json")
    return tuple(_differences(json.loads(applied.read_text()), wanted))


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Dotted paths at which two JSON values differ, marked `+`, `-` or `~`. Shows no values."""
    if before == after:
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [f"~ {path}"]
    found = []
    for key in sorted(before.keys() | after.keys()):
        below = f"{path}.{key}" if path else key
        if key not in before:
            found.append(f"+ {below}")
        elif key not in after:
            found.append(f"- {below}")
        else:
            found += _differences(before[key], after[key], below)
    return found
