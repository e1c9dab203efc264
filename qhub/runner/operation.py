"""One run over a deployment's stages: what all its commands share."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from qhub import stages as platform
from qhub.backup.source import Away, Source
from qhub.config import Config
from qhub.errors import Interrupted, QhubError, StageError, StateLocked, UsageError
from qhub.runner.folder import Folder, is_own_state
from qhub.runner.log import RunLog
from qhub.runner.progress import Progress, Report, Status
from qhub.runner.record import Record
from qhub.stages.base import InCluster, Stage
from qhub.terraform import PATIENCE_SECONDS, Changes, Engine, Event, Module

AnyStage = Stage[Any, Any]

FROM_ELSEWHERE = re.compile(r"provider packages|install provider|locating chart")
WITHOUT_INTERNET = (
    "Terraform's providers and Helm's charts come from the internet; where it isn't reached, fill a"
    " folder with `qhub mirror pull` and name it in `mirror`: docs/mirror.md"
)

POLL_SECONDS = 3.0
"""How often the lock of a state is tried."""


@dataclass
class Steps:
    """What one stage of a run did so far: speaks to the log and the reporter, keeps the errors."""

    stage: str
    report: Report
    log: RunLog
    started: float = field(default_factory=time.monotonic)
    changes: Changes = field(default_factory=Changes)
    planned: list[Event] = field(default_factory=list)
    errors: list[Event] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def say(self, message: str, status: Status = Status.RUNNING) -> None:
        """Tell where the stage stands."""
        self.log.line(self.stage, message)
        changes = self.changes if status is Status.DONE else None
        self.report(Progress(self.stage, status, message, self.seconds, changes))

    def listen(self, event: Event) -> None:
        """Take one line of Terraform's stream."""
        if event.is_error:
            self.errors.append(event)
            self.log.line(self.stage, f"error: {event.message}\n{event.detail}")
        elif event.kind == "provision_progress" and not event.message.startswith("Executing: ["):
            self.say(event.message)
        elif event.message.startswith("Acquiring state lock"):
            self.say("waiting for the Terraform of an earlier run to finish")
        else:
            self.log.line(self.stage, event.message)
        if event.kind == "stderr":
            self.complaints.append(event.message)
        if event.kind == "planned_change":
            self.planned.append(event)
            self.changes = self.changes.plus(event.action)

    def count_repairs(self, drift: Iterable[str]) -> list[str]:
        """Addresses that drifted and are put right in place: Terraform plans nothing for them."""
        planned = {event.address for event in self.planned}
        repaired = sorted(set(drift) - planned)
        for _ in repaired:
            self.changes = self.changes.plus("repair")
        return repaired

    def restart(self) -> None:
        """Forget what a try came to that is made once more."""
        self.errors, self.complaints, self.changes, self.planned = [], [], Changes(), []

    def failure(self, error: QhubError) -> QhubError:
        """The error as the user should read it: with what Terraform said of the cause."""
        if isinstance(error, Interrupted | StageError):
            return error
        causes = [_cause(event) for event in self.errors] or [
            "\n".join(self.complaints).strip().removeprefix("Error: ")
        ]
        told = [cause.partition("\nhint: ") for cause in dict.fromkeys(causes)]
        message = "\n".join(cause for cause, _, _ in told if cause) or error.message
        hint = "\n".join(hint for _, _, hint in told if hint) or error.hint
        if not hint and FROM_ELSEWHERE.search(message):
            hint = WITHOUT_INTERNET
        return StageError(self.stage, message, hint or "the whole story: " + str(self.log.path))


@dataclass
class Deployment:
    """A deployment on disk and the engine that runs its modules."""

    engine: Engine
    folder: Folder
    stop: threading.Event

    @cached_property
    def record(self) -> Record:
        """What is deployed from the folder."""
        return Record.load(self.folder)

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """What Terraform has to be told of the deployment's surroundings."""
        return self.record.environment

    def module(
        self,
        stage: str,
        folder: Path,
        variables: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
    ) -> Module:
        """The stage's module at `folder`, with the state that belongs to this deployment."""
        local_state = is_own_state(backend(folder).get("local", {}).get("path", ""))
        return Module(
            engine=self.engine,
            folder=folder,
            data=self.folder.data(stage),
            state=self.folder.state(stage) if local_state else None,
            variables={"deployment": str(self.folder.root), **variables},
            environment={**self.environment, **(environment or {})},
            stop=self.stop,
        )

    def forget(self, stage: str) -> None:
        """Drop what is kept of a stage that was destroyed, its empty state in a cluster too."""
        kept = backend(self.folder.applied / stage).get("kubernetes", {})
        if self.record.context and kept.get("secret_suffix", "").endswith(f"-{stage}"):
            from qhub.kubernetes.state import forget

            forget(self.record.context, kept)
        self.folder.forget(stage)

    def applied_outputs(self, stage: AnyStage) -> BaseModel | None:
        """The stage's outputs as it was last applied; None where it was not."""
        applied = self.folder.applied / stage.name
        if not applied.is_dir():
            return None
        module = self.module(stage.name, applied, {})
        module.init()
        return self.read_outputs(stage, module)

    def data(self) -> Source | Away:
        """What people made with the deployment; needs no config, as it goes by what was applied.

        Raises:
            UsageError: Nothing is deployed that people could work with.
        """
        applied = self.folder.applied_stages()
        for stage in platform.of(self.record.provider):
            outputs = self.applied_outputs(stage) if stage.name in applied else None
            source = None if outputs is None else stage.data(outputs)
            if source is not None:
                return source
        raise UsageError(f"nothing is deployed from {self.folder.root}", hint="qhub deploy")

    def read_outputs(self, stage: AnyStage, module: Module) -> BaseModel | None:
        """The stage's outputs from its state; None where it has none that are whole."""
        said = module.output()
        if not said:
            return None
        if issubclass(stage.Outputs, InCluster):
            said["context"] = self.record.context
        try:
            return stage.Outputs.model_validate(said)  # type: ignore[no-any-return]
        except ValidationError:
            return None


@dataclass
class Operation(Deployment):
    """A run over a deployment: where it tells of itself, and the outputs stages gave so far."""

    log: RunLog
    report: Report
    outputs: dict[str, BaseModel] = field(default_factory=dict)

    def upstream(self, stage: AnyStage) -> dict[str, Any]:
        """Outputs of the stages that this one needs, as its variables take them."""
        return {
            needed().noun: self.outputs[needed.name].model_dump(mode="json")
            for needed in stage.depends_on
            if needed.name in self.outputs
        }

    def change(self, module: Module, steps: Steps, work: Callable[[int], None]) -> None:
        """Have Terraform do something, also where one that died left its state locked.

        Nobody else runs Terraform for a deployment in a cluster while this run is at work on it,
        but that of a run which was just killed may still finish.

        Args:
            module: Whose state it is.
            steps: Its stage.
            work: Takes for how many seconds to wait for the lock.
        """
        if not self.record.place:
            return work(PATIENCE_SECONDS)
        started = time.monotonic()
        while True:
            try:
                return work(0)
            except StateLocked as error:
                steps.restart()
                if module.left(error) or time.monotonic() - started > PATIENCE_SECONDS:
                    self._release(module, error, steps)
                    return work(PATIENCE_SECONDS)
                steps.say(f"waiting for the Terraform of an earlier run, by {error.who}, to finish")
                self.stop.wait(POLL_SECONDS)
                if self.stop.is_set():
                    raise Interrupted("interrupted") from error

    def _release(self, module: Module, lock: StateLocked, steps: Steps) -> None:
        from qhub.kubernetes.state import release

        context, settings = self.record.context, backend(module.folder).get("kubernetes")
        released = context and settings and release(context, settings, lock.identity)
        if not released:
            module.unlock(lock, steps.listen)
        steps.say(f"released the lock that {lock.who} left on its state: that run is over")

    def step(self, stage: str, work: Callable[[Steps], str]) -> None:
        """Do one stage's work between the lines that tell of its start and its end."""
        steps = self.begin(stage)
        with self.failures_told(steps):
            message = work(steps)
        steps.say(message, Status.DONE)

    def begin(self, stage: str) -> Steps:
        """The steps of a stage, of which it is told that it starts."""
        steps = Steps(stage, self.report, self.log)
        steps.say("starting")
        return steps

    @contextmanager
    def failures_told(self, steps: Steps) -> Iterator[None]:
        """Tell of what goes wrong within, and raise it as the user should read it."""
        try:
            yield
        except QhubError as error:
            failure = steps.failure(error)
            steps.say(
                failure.cause if isinstance(failure, StageError) else failure.message,
                Status.FAILED,
            )
            raise failure from error


def backend(module: Path) -> dict[str, Any]:
    """Where a rendered module keeps its state: the settings, by the kind of place."""
    written = json.loads((module / "backend.tf.json").read_text(encoding="utf-8"))
    return dict(written["terraform"]["backend"])


def secret_variables(stage: AnyStage, config: Config) -> dict[str, Any]:
    """The stage's secrets as its module takes them: as a variable, never in a file.

    Raises:
        MissingSecret: One that the config refers to is not there.
    """
    secrets = stage.secrets(config)
    return {} if secrets is None else {"secrets": secrets}


def raise_first(errors: Mapping[Any, QhubError], stop: threading.Event) -> None:
    """End a run whose stages met errors.

    Raises:
        Interrupted: The user ended it.
        QhubError: What the first stage that failed said; how many more did is added.
    """
    if stop.is_set():
        raise Interrupted("interrupted; what was done is kept, run the same command to go on")
    for error in errors.values():
        if len(errors) > 1:
            error.message += f"\n({len(errors) - 1} more stages failed)"
        raise error


def _cause(event: Event) -> str:
    """A diagnostic in few words: what a program of a module called an error, or its last lines."""
    _, ran, output = event.detail.partition("Output: ")
    if not ran or not output.strip():
        return f"{event.message}\n{event.detail}".strip()
    _, told, error = output.rpartition("error: ")
    return error.strip() if told else "\n".join(output.strip().splitlines()[-15:])
