"""A stage's module on disk, and what a real Terraform says of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qhub.config import Config
from qhub.runner.render import render_stage
from qhub.stages.base import Stage
from qhub.terraform import Engine

AnyStage = Stage[Any, Any]


@dataclass(frozen=True)
class Rendered:
    """A rendered module, with what Terraform needs to find its providers."""

    stage: AnyStage
    config: Config
    folder: Path
    engine: Engine
    environment: dict[str, str]

    def write(self, rules: Iterable[Path] = ()) -> None:
        """Lay out the module without its backend, with these files of rules."""
        for path, content in render_stage(self.stage, self.config).items():
            if path != "backend.tf.json":
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_bytes(content)
        for file in rules:
            (self.folder / file.name).write_bytes(file.read_bytes())

    def terraform(self, *arguments: str, stdin: str = "", **variables: Any) -> str:
        """What a command prints; it has to succeed."""
        given = {f"TF_VAR_{name}": json.dumps(value) for name, value in variables.items()}
        done = subprocess.run(
            [*self.engine.command, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment, **given},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def evaluated(self, names: Iterable[str], **variables: Any) -> dict[str, Any]:
        """What Terraform makes of variables."""
        expression = ", ".join(f"{name} = var.{name}" for name in names)
        said = self.terraform("console", stdin=f"jsonencode({{{expression}}})\n", **variables)
        values: dict[str, Any] = json.loads(json.loads(said.strip().splitlines()[-1]))
        return values

    def blocks(self, kind: str) -> set[str]:
        """Names of the module's `variable` or `output` blocks."""
        text = "\n".join(path.read_text() for path in self.folder.glob("*.tf"))
        return set(re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE))

    def upstream(self) -> dict[str, Any]:
        """Outputs of the stages that this one needs, as they may look."""
        return {
            needed().noun: needed().example(self.config).model_dump(mode="json")
            for needed in self.stage.depends_on
        }
