"""Programs for people, on the PATH of every server: `bin/` of the deployment."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from qhub.local import installer
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private

_INDEX = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_INSECURE_HOST",
    "UV_HTTP_TIMEOUT",
    "SSL_CERT_FILE",
)
"""Settings of this machine's package index that people's own environments need as well."""


def install(machine: Machine, code: Path) -> None:
    """Write `qhub-env`, with the package index of who deploys but for passwords in addresses."""
    folder = ensure_folder(machine.directory / "bin", 0o755 if machine.unix else 0o700)
    script = folder / "qhub_env.py"
    text = (code / script.name).read_text(encoding="utf-8")
    write_private(script, text, mode=0o644)
    settings = installer.uv_environment()
    index = {key: settings[key] for key in _INDEX if key in settings and "@" not in settings[key]}
    write_private(folder / "uv.json", json.dumps(index, indent=1) + "\n", mode=0o644)
    python = machine.envs / "user" / "bin" / "python"
    start = f'#!/bin/sh\nexec {shlex.quote(str(python))} -I {shlex.quote(str(script))} "$@"\n'
    write_private(folder / "qhub-env", start, mode=0o755)
