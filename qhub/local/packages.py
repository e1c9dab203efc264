"""What an environment is filled with: conda's packages by py-rattler, pip's by uv.

Beside the folder of a build lie what was asked for and what was found: `.json` and `.lock` of
conda, `.in` and `.txt` of pip. Requirements may hold addresses with passwords, so all are 0600.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from qhub.local.files import write_private
from qhub.local.installer import Build

COMPILE = (
    "import compileall, re, sysconfig; "
    "compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers=0, "
    "rx=re.compile('/tests?/'))"
)
"""Else everybody who may not write there does it anew; tests take half of the time."""


def conda(build: Build, channels: Sequence[str], packages: Sequence[str]) -> None:
    """Install what the channels have; exactly what a lock file lists where there is one."""
    request, lock = (build.folder.with_suffix(end) for end in (".json", ".lock"))
    write_private(request, wanted(build.machine.deployment, channels, packages))
    build.install(sys.executable, "-m", "qhub.local.conda", request, build.folder, lock)


def wanted(deployment: Path, channels: Sequence[str], packages: Sequence[str]) -> str:
    """A request as `qhub.local.conda` reads it."""
    places = [channel(deployment, name) for name in channels]
    return json.dumps({"channels": places, "packages": list(packages)}, indent=1) + "\n"


def channel(deployment: Path, name: str) -> str:
    """A channel as rattler takes it: a folder counts from that of the configuration."""
    if name.startswith(("./", "../", "~/")):
        return str((deployment / Path(name).expanduser()).resolve())
    return name


def is_folder(channel: str) -> bool:
    """Whether a channel is a folder of this machine, not a name or a web address."""
    return channel.startswith(("./", "../", "~/", "/", "file:"))


def pip(build: Build, requirements: Sequence[str], *flags: str) -> None:
    """Install what the package index has."""
    listed = build.folder.with_suffix(".in")
    write_private(listed, "\n".join(requirements) + "\n")
    into = ("--python", build.folder / "bin" / "python")
    build.uv("pip", "install", *into, *flags, "--requirement", listed)


def keep_versions(build: Build) -> None:
    """Write down what is there for pip."""
    python = build.folder / "bin" / "python"
    write_private(
        build.folder.with_suffix(".txt"), build.uv_says("pip", "freeze", "--python", python)
    )


def compile_all(build: Build) -> None:
    """Compile what is there."""
    build.install(build.folder / "bin" / "python", "-I", "-c", COMPILE)
