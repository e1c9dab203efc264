"""`qhub doctor`."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from qhub.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    FolderOption,
    Format,
    FormatOption,
    folder_of,
)

if TYPE_CHECKING:
    from qhub.config import Config
    from qhub.local.doctor import Finding
    from qhub.stages.base import Stage

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Check what machine or cluster have and lack for the configuration, and what to do about it.

    Changes nothing. Exit code 0 when it can be deployed, 1 when something is in the way.
    """
    from qhub.cli.console import say

    found = []
    for finding in examine(config, folder_of(config, folder)):
        if finding in found:  # two stages may lack the same
            continue
        found.append(finding)
        if output is Format.TEXT:
            mark, colour = MARKS[finding.level]
            typer.secho(f"{mark} ", fg=colour, nl=False)
            typer.echo(f"{finding.name}: {finding.message}")
            if finding.hint:
                typer.echo(f"    {finding.hint}")
    failed = [finding for finding in found if finding.level == "fail"]
    if output is Format.JSON:
        data = [dataclasses.asdict(finding) for finding in found]
        typer.echo(json.dumps({"deployable": not failed, "findings": data}, indent=2))
    elif failed:
        say(f"{len(failed)} in the way of a deployment", fg="red")
    else:
        say("ready to deploy")
    raise typer.Exit(1 if failed else 0)


def examine(path: Path, folder: Path) -> Iterator["Finding"]:
    """All that is looked at; without a configuration, for the one that `qhub init` writes."""
    from qhub.config import check, missing_secrets, parse
    from qhub.config.scaffold import Answers
    from qhub.config.start import start
    from qhub.local.doctor import Finding, index

    if not path.exists():
        yield Finding("configuration", "warn", f"there is no {path}", "qhub init writes one")
        config: Config | None = parse(start(Answers()).text)
    else:
        report = check(path)
        config = report.config
        for problem in report.problems[:1]:
            message = f"{problem.place}: {problem.message}"
            level: Literal["warn", "fail"] = "fail" if config is None else "warn"
            yield Finding("configuration", level, message, "qhub validate shows all problems")
        if config is not None:
            yield Finding("configuration", "ok", f"{path} is valid")
            for problem in missing_secrets(config):
                yield Finding("configuration", "fail", problem.message, problem.hint)
    yield _engine()
    if config is None:
        yield index(installed=False)
    elif config.provider == "local":
        yield from _machine(config, folder)
    else:
        yield from _cluster(config, folder)


def _engine() -> "Finding":
    from qhub.errors import EngineError
    from qhub.local.doctor import Finding
    from qhub.terraform import find_engine

    try:
        engine = find_engine()
    except EngineError as error:
        return Finding("Terraform", "fail", error.message, error.hint)
    name = engine.command[0] if len(engine.command) == 1 else "embedded"
    return Finding("Terraform", "ok", f"{engine.product} {engine.version} ({name})")


def _machine(config: "Config", folder: Path) -> Iterator["Finding"]:
    from qhub.errors import QhubError
    from qhub.local import doctor
    from qhub.local.doctor import Finding
    from qhub.stages import select
    from qhub.stages.infrastructure import FACTS, LocalInfrastructure
    from qhub.stages.jupyterhub import LocalJupyterHub, hub_settings

    try:
        stages = select(config)
        machine, hub = LocalInfrastructure().inputs(config), hub_settings(config)
        yield from doctor.examine(machine, hub, folder / FACTS)
        for stage in stages:
            if not isinstance(stage, LocalInfrastructure | LocalJupyterHub):  # examined above
                yield from _preflight(stage, config, folder)
    except PermissionError as error:
        message = f"{error.filename} can't be read"
        yield Finding("this machine", "fail", message, "run qhub as who deployed first")
    except QhubError as error:
        yield Finding("this machine", "fail", error.message, error.hint)
    yield from _tools(config)


def _preflight(stage: "Stage[Any, Any]", config: "Config", folder: Path) -> Iterator["Finding"]:
    """What a deploy would refuse before it changes anything."""
    from qhub.errors import PreflightError
    from qhub.local.doctor import Finding

    try:
        stage.preflight(config, folder)
    except PreflightError as error:
        yield Finding(stage.name, "fail", error.message, error.hint)


def _tools(config: "Config") -> Iterator["Finding"]:
    """Programs that some of the deployment does better with."""
    from qhub.local import doctor

    if config.kubessh.enabled:
        yield doctor.tool("ssh", "trying the SSH access from this machine")
    pip = [
        item.pip
        for environment in config.environments.values()
        for item in environment.dependencies
        if not isinstance(item, str)
    ]
    if any(requirement.startswith("git+") for part in pip for requirement in part):
        yield doctor.tool("git", "environments with packages from Git")


def _cluster(config: "Config", folder: Path) -> Iterator["Finding"]:
    from qhub.errors import QhubError
    from qhub.local.doctor import Finding
    from qhub.runner.pull import missing
    from qhub.stages import select
    from qhub.stages.infrastructure import ExistingInfrastructure

    try:
        for stage in select(config):
            if isinstance(stage, ExistingInfrastructure):
                yield from stage.examine(config)
            else:
                yield from _preflight(stage, config, folder)
        lacking = missing(config)
    except QhubError as error:
        yield Finding("cluster", "fail", error.message, error.hint)
        return
    yield from (
        Finding("mirror", "fail", f"there is no {part}", "qhub mirror pull") for part in lacking
    )
    if not lacking and (config.mirror.terraform_providers or config.mirror.charts):
        yield Finding("mirror", "ok", "it has all that the deployment needs")
