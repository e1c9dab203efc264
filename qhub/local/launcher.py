"""`run COMMAND` in the folder of an environment: a program with all that the environment sets.

Kernels and Dask workers start by it, and people in a terminal can.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from qhub.hub import kernels
from qhub.local.files import write_private


def write_launcher(folder: Path, setup: str) -> None:
    """Write it; `setup` are commands of bash, which is what scripts of conda packages expect."""
    text = f'#!/bin/bash\n{setup.rstrip()}\nexec "$@"\n'
    write_private(kernels.launcher(folder), text, mode=0o755)


def venv_setup(folder: Path) -> str:
    """What makes a virtual environment the one in use."""
    programs = shlex.quote(f"{folder}/bin")
    return f'export VIRTUAL_ENV={shlex.quote(str(folder))}\nexport PATH={programs}:"$PATH"\n'
