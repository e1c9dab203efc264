"""The environments of a deployment, driven as Terraform would."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qhub.local import kernels
from tests.local.deployment import Deployment


@dataclass
class Environments:
    """The environments of a deployment, driven as Terraform would."""

    deployment: Deployment
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, name: str, **spec: Any) -> subprocess.CompletedProcess[str]:
        return self.deployment.call("kernel", "apply", name, "--settings", self._said(name, spec))

    def _said(self, name: str, spec: dict[str, Any]) -> Path:
        self.specs[name] = {"channels": [], "conda": [], "pip": [], **spec}
        settings = self.deployment.folder / "environments.json"
        settings.write_text(json.dumps({"environments": self.specs, "max_workers": 2}))
        settings.chmod(0o644)
        return settings

    def begin(self, name: str, **spec: Any) -> subprocess.Popen[str]:
        """Start to build one, as who runs the tests."""
        arguments = ["--settings", self._said(name, spec), "--facts", self.deployment.facts]
        command = [*self.deployment.runner.program, "kernel", "apply", name, *map(str, arguments)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def succeed(self, name: str, **spec: Any) -> Path:
        done = self.apply(name, **spec)
        assert done.returncode == 0, done.stdout + done.stderr
        assert kernels.broken(self.deployment.machine, name) is None
        return self.current(name)

    def remove(self, name: str) -> None:
        self.deployment.succeed("kernel", "remove", name)

    def home(self, name: str) -> Path:
        return self.deployment.machine.environments / "builds" / name

    def current(self, name: str) -> Path:
        return (self.home(name) / "current").resolve()

    def log(self, name: str) -> str:
        return kernels.log_file(self.deployment.machine, name).read_text()
