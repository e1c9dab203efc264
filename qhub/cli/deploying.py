"""What `qhub deploy` does once its flags are read: ask, run, and show what came of it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import typer

from qhub.cli.console import confirm, is_terminal, say, show_problem
from qhub.cli.options import Format
from qhub.cli.progress import elapsed, shown
from qhub.config import Config, check, missing_secrets
from qhub.errors import ConfigError
from qhub.runner.folder import Folder
from qhub.runner.plan import Plan, plan
from qhub.runner.render import Written, compare, render
from qhub.runner.selection import Selection

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "repair": "~"}


def load_with_secrets(path: Path, *, needed: bool) -> Config:
    """Load a config and show its warnings; secrets that are not there are errors when `needed`.

    Raises:
        ConfigError: With every problem of the file.
    """
    report = check(path)
    if report.config is None:
        raise ConfigError(report.problems)
    for problem in report.problems:
        show_problem(problem)
    config, missing = report.config, missing_secrets(report.config)
    if missing and needed:
        raise ConfigError([dataclasses.replace(p, severity="error") for p in missing])
    for problem in missing:
        show_problem(problem)
    return config


@dataclass
class Run:
    """A deploy as the command line asks for it."""

    config: Config
    folder: Folder
    selection: Selection
    parallelism: int
    output: Format

    def deploy(self, *, yes: bool) -> None:
        """Show what would change, ask, and do it."""
        from qhub.runner.deploy import deploy, preflight

        if not yes and is_terminal():
            preflight(self.config, self.folder, self.selection)
            self.plan()
        confirm("Deploy?", yes=yes, command="deploy")
        with shown(self.output) as report:
            result = deploy(
                self.config,
                self.folder,
                report,
                selection=self.selection,
                parallelism=self.parallelism,
            )
        if self.output is Format.JSON:
            addresses = {address.label: address.url for address in result.addresses}
            self._json(
                type="result",
                addresses=addresses,
                notices=result.notices,
                seconds=round(result.seconds, 2),
                changed=any(result.changes.values()),
                log=str(result.log),
            )
            return
        for notice in result.notices:
            say(f"note: {notice}")
        state = "deployed" if any(result.changes.values()) else "nothing to change"
        say(f"{state} in {elapsed(result.seconds)}")
        for address in result.addresses:
            typer.echo(f"{address.label}: {address.url}")

    def plan(self) -> bool:
        """Show what a deploy would change; True when it would change something."""
        with shown(self.output) as report:
            found = plan(
                self.config,
                self.folder,
                report,
                selection=self.selection,
                parallelism=self.parallelism,
            )
        if self.output is Format.JSON:
            self._json(type="plan", changed=bool(found), **dataclasses.asdict(found))
        else:
            _show_plan(found)
        return bool(found)

    def show_files(self) -> None:
        """List the stages of a deploy and the files it would write."""
        from qhub.stages import select

        names = [stage.name for stage in self.selection.pick(select(self.config))]
        written = compare(render(self.config), self.folder)
        if self.output is Format.JSON:
            self._json(type="dry-run", stages=names, **dataclasses.asdict(written))
            return
        typer.echo("stages: " + ", ".join(names))
        show_written(written)

    @staticmethod
    def _json(**data: object) -> None:
        typer.echo(json.dumps(data))


def show_written(written: Written) -> None:
    """List the files that writing changed, one a line."""
    for action, paths in dataclasses.asdict(written).items():
        for path in paths:
            typer.echo(f"{action}: {path}")


def _show_plan(found: Plan) -> None:
    for name in found.obsolete:
        typer.echo(f"{name}: is no longer in the configuration and would be destroyed")
    for stage in found.stages:
        assumed = f"  (assumes outputs of {', '.join(stage.assumed)})" if stage.assumed else ""
        typer.echo(f"{stage.name}: {stage.summary}{assumed}")
        for setting in stage.settings:
            typer.echo(f"    {setting}")
        for change in stage.changes:
            reason = f"  ({change.reason})" if change.reason else ""
            typer.echo(f"  {SIGNS.get(change.action, '?')} {change.address}{reason}")
    if not found:
        typer.echo("nothing to change")
