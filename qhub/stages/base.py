"""What a stage is: a noun with inputs from the config, a Terraform module, typed outputs, a check.

A new stage is a subclass in a file of its own, a folder of HCL of the same name under
`qhub/templates/stages/`, and a line in `qhub/stages/__init__.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from qhub.backup.source import Away, Source
from qhub.config import Config
from qhub.hubapi import Hub

Say = Callable[[str], None]
"""Takes news of a stage, for its line."""

InputsT = TypeVar("InputsT", bound=BaseModel)
OutputsT = TypeVar("OutputsT", bound=BaseModel)

TEMPLATES = Path(__file__).parent.parent / "templates" / "stages"
CHARTS = TEMPLATES.parent / "charts"


@dataclass(frozen=True)
class Address:
    """Where something that a stage deployed can be opened or reached."""

    label: str
    url: str


@dataclass(frozen=True)
class Process:
    """Something that runs for a deployment: a program, a person's server, a pod."""

    name: str
    state: str
    pid: int | None = None
    uptime_seconds: float | None = None
    memory_bytes: int | None = None
    cpu_seconds: float | None = None
    restarts: int | None = None
    pod: str | None = None


@dataclass(frozen=True)
class Release:
    """A Helm release: `state` is Helm's word, `deployed` when all is well."""

    name: str
    state: str
    chart: str
    version: str
    revision: int


@dataclass(frozen=True)
class Volume:
    """What keeps files in a cluster: `state` is `Bound` when it is there."""

    name: str
    state: str
    size: str
    storage_class: str


@dataclass(frozen=True)
class Certificate:
    """What a deployment shows that it is who it says; `expires` as ISO 8601 has it."""

    name: str
    issuer: str
    expires: str


class Log(Protocol):
    """Something that is written to while a deployment works."""

    @property
    def place(self) -> str:
        """Where it is, as one may look for it otherwise."""

    def lines(self, count: int, *, follow: bool) -> Iterator[str]:
        """The last lines and, with `follow`, those that come."""


@dataclass(frozen=True)
class Place:
    """Where a deployment is.

    Args:
        context: Kube context that this machine reaches its cluster by.
        namespace: Its namespace.
        name: What tells it from every other deployment of the cluster.
    """

    context: str
    namespace: str
    name: str


class InCluster(BaseModel):
    """Outputs of a stage whose things are in a cluster."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: str = Field(
        "",
        exclude=True,
        description="Kube context that this machine reaches the cluster by; no output of the "
        "module, and another one on another machine.",
    )
    namespace: str = Field(description="Where they are.")


class Stage(ABC, Generic[InputsT, OutputsT]):
    """One step of a deployment."""

    name: ClassVar[str]
    """Folder name, `NN-noun`; the number only sorts."""

    variant: ClassVar[str]
    """Which module of the stage this is: a provider (`aws`) or a platform (`processes`)."""

    Inputs: type[InputsT]
    Outputs: type[OutputsT]

    providers: ClassVar[tuple[str, ...]] = ("local",)
    """The providers whose deployments have it."""

    depends_on: ClassVar[tuple[type[Stage[Any, Any]], ...]] = ()
    """Stages whose outputs this one's module takes, each as the variable of its noun."""

    awaited: ClassVar[bool] = True
    """Whether stages that need it begin once it was checked; else once its module was applied."""

    repairs: ClassVar[bool] = False
    """Whether `repair` puts right what drifted; else Terraform makes such resources anew."""

    sources: ClassVar[Mapping[str, Path]] = {}
    """Further folders that are copied into the rendered module, by name there."""

    @property
    def noun(self) -> str:
        """The name without its number, as Terraform names variables: `terraform_state`."""
        return self.name.split("-", 1)[1].replace("-", "_")

    @property
    def templates(self) -> Path:
        return TEMPLATES / self.name / self.variant

    def applies_to(self, config: Config) -> bool:
        """Whether a deployment of this config, with one of `providers`, has the stage."""
        del config
        return True

    @abstractmethod
    def inputs(self, config: Config) -> InputsT:
        """What the config gives the module; becomes `terraform.tfvars.json`. Pure."""

    def secrets(self, config: Config) -> dict[str, Any] | None:
        """What the module is given in its variable `secrets`, which reaches no file; None: nothing.

        Raises:
            MissingSecret: One that the config refers to is not there.
        """
        del config
        return None

    @abstractmethod
    def example(self, config: Config) -> OutputsT:
        """Outputs as they may look, for a plan before the stage exists."""

    def preflight(self, config: Config, folder: Path) -> None:
        """Look whether the stage can work, before any stage changes anything.

        Raises:
            PreflightError: With everything that stands in the way.
        """

    def clear(self, outputs: OutputsT) -> None:
        """Take away what others made with the stage, before its module is destroyed.

        What Terraform doesn't know would keep what it does know from being destroyed.
        """
        del outputs

    def vacate(self, place: Place, say: Say) -> None:
        """The same where there may be no outputs, as a run was killed half way.

        Raises:
            ClusterError: Something doesn't go; the message says why.
        """

    def resume(self, config: Config, context: str) -> str | None:
        """Make way after an apply that failed, where it met what an earlier run left half done.

        Returns:
            What that was, and Terraform tries again; None where there is nothing of that kind.
        """
        del config, context
        return None

    def prepare(self, place: Place, say: Say) -> None:
        """Make what the module needs and Terraform can't make; before each time it is applied."""

    def retract(self, before: OutputsT, config: Config) -> list[str]:
        """Take back what `publish` told the world and no longer holds; before the module changes.

        Args:
            before: What the module gave when it was applied last.
            config: What it is applied with now.

        Returns:
            What was taken back.
        """
        del before, config
        return []

    def publish(self, outputs: OutputsT, say: Say) -> None:
        """Tell the world outside the cluster what came of the module; its check comes after."""

    def sweep(self, place: Place, say: Say) -> None:
        """Take away what `prepare` made, and what is left of people's, once the module is gone.

        Also what Terraform made and was killed before it could note it.
        """

    def check(self, outputs: OutputsT, say: Say) -> None:
        """Ask the real thing whether it works; what takes long is told, with its reason.

        Raises:
            StageError: It does not; the message says what was asked and answered.
        """

    def drift(self, outputs: OutputsT) -> dict[str, str]:
        """Terraform addresses whose real counterpart is gone or different, with the reason.

        Terraform can't see behind a `terraform_data` resource; this can.
        """
        del outputs
        return {}

    def repair(self, outputs: OutputsT) -> None:
        """Put right, in place, what drifted; of stages with `repairs`.

        Raises:
            StageError, ClusterError: It can't be.
        """

    def addresses(self, outputs: OutputsT) -> list[Address]:
        """What a person may open once the stage is up."""
        del outputs
        return []

    def notices(self, outputs: OutputsT) -> list[str]:
        """What a person should know of the result."""
        del outputs
        return []

    def processes(self, outputs: OutputsT) -> list[Process]:
        """What the stage runs, and how it is."""
        del outputs
        return []

    def releases(self, outputs: OutputsT) -> list[Release]:
        """The Helm releases of the stage."""
        del outputs
        return []

    def volumes(self, outputs: OutputsT) -> list[Volume]:
        """What keeps files, and how it is."""
        del outputs
        return []

    def certificates(self, outputs: OutputsT) -> list[Certificate]:
        """What visitors are shown, with the day that it ends."""
        del outputs
        return []

    def users_online(self, outputs: OutputsT) -> list[str]:
        """Users with a running server."""
        del outputs
        return []

    def hub(self, outputs: OutputsT) -> Hub | None:
        """The hub's API, of the stage that has the hub."""
        del outputs
        return None

    def data(self, outputs: OutputsT) -> Source | Away | None:
        """What people made with the stage, for backups."""
        del outputs
        return None

    def logs(self, outputs: OutputsT) -> Mapping[str, Log]:
        """Logs by the name that `qhub logs` takes."""
        del outputs
        return {}
