"""What every person's server finds: programs in `bin/`, settings of JupyterLab in `jupyter/`."""

from __future__ import annotations

import hashlib
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
_MODES = {"qhub-env": 0o755, "qhub_env.py": 0o644, "uv.json": 0o644}


def install(machine: Machine, code: Path) -> None:
    """Write `qhub-env`, with the package index of who deploys but for passwords in addresses."""
    folder = ensure_folder(_folder(machine), 0o755 if machine.unix else 0o700)
    script = folder / "qhub_env.py"
    settings = installer.uv_environment()
    index = {key: settings[key] for key in _INDEX if key in settings and "@" not in settings[key]}
    python = machine.envs / "user" / "bin" / "python"
    files = {
        "qhub_env.py": (code / script.name).read_text(encoding="utf-8"),
        "uv.json": json.dumps(index, indent=1) + "\n",
        "qhub-env": f"#!/bin/sh\nexec {shlex.quote(str(python))} -I {shlex.quote(str(script))} "
        '"$@"\n',
    }
    for name, text in files.items():
        write_private(folder / name, text, _MODES[name])
    write_private(_record(machine), _state(machine) + "\n")


def broken(machine: Machine) -> str | None:
    """Why people can't rely on the programs; None when they can."""
    try:
        written = _record(machine).read_text(encoding="utf-8").strip()
        return None if _state(machine) == written else "the programs in bin/ were changed"
    except OSError:
        return "the programs in bin/ are incomplete"


def _folder(machine: Machine) -> Path:
    return machine.directory / "bin"


def _record(machine: Machine) -> Path:
    """What the programs were when they were written: that depends on who deployed, too."""
    return machine.private / "programs"


def _state(machine: Machine) -> str:
    state = hashlib.sha256()
    for name in sorted(_MODES):
        path = _folder(machine) / name
        state.update(f"{name} {path.stat().st_mode:o}\n".encode() + path.read_bytes() + b"\0")
    return state.hexdigest()[:16]


def install_settings(machine: Machine, code: Path) -> None:
    """Write what every JupyterLab server reads when it starts."""
    name = "jupyter_server_config.py"
    folder = ensure_folder(machine.directory / "jupyter", 0o755 if machine.unix else 0o700)
    write_private(folder / name, (code / name).read_text(encoding="utf-8"), mode=0o644)
