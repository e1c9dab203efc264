"""What an environment of the configuration asks for: who installs it, with which Python.

conda's names are not those of the Python Package Index: nothing here turns one into the other. What
names no conda package but Python itself needs no channel, and uv installs it.
"""

from __future__ import annotations

import hashlib
import re

from qhub.local.settings import EnvironmentSettings

KERNEL = "ipykernel"
"""What makes an environment a kernel."""

_FORMAT = "2"
_PYTHON = re.compile(r"python\s*(?P<version>[=<>!~\s\d.,*]*)")
_ONLY_PIP = re.compile(r"pip\s*([=<>!~\s\d.,*]*)")


def conda_name(spec: str) -> str:
    """The package that a conda requirement is of: `python` of `conda-forge::python >=3.12`."""
    found = re.match(r"(?:.*::)?\s*([A-Za-z0-9_.-]+)", spec)
    return found.group(1).lower() if found else spec


def pip_name(requirement: str) -> str:
    """The package that a requirement of pip's is of, as indexes write it: `a-b` of `A_b[c]>=1`."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9_.-]*)", requirement)
    return re.sub(r"[-_.]+", "-", found.group(1)).lower() if found else ""


def needs_conda(spec: EnvironmentSettings) -> bool:
    """Whether it asks for anything that only a conda channel has."""
    return not all(_PYTHON.fullmatch(p) or _ONLY_PIP.fullmatch(p) for p in spec.conda)


def python_request(spec: EnvironmentSettings) -> str | None:
    """The Python as uv takes it, for what needs no conda; None where any will do."""
    for package in spec.conda:
        found = _PYTHON.fullmatch(package)
        version = re.sub(r"\s+", "", found["version"]) if found else ""
        if version:
            exact = re.fullmatch(r"={0,2}([\d.]+?)(\.\*)?", version)  # conda: 3.12 is any 3.12.x
            return exact.group(1) if exact else version
    return None


def requirements(spec: EnvironmentSettings) -> list[str]:
    """What pip is to install: with the kernel, where only pip could."""
    wanted = list(spec.pip)
    if not needs_conda(spec) and not _has_kernel(spec):
        wanted.append(KERNEL)
    return wanted


def conda_packages(spec: EnvironmentSettings) -> list[str]:
    """What conda is to install: with the kernel from the same channels, unless pip brings it."""
    return [*spec.conda, *([] if _has_kernel(spec) else [KERNEL])]


def _has_kernel(spec: EnvironmentSettings) -> bool:
    return KERNEL in {*map(conda_name, spec.conda), *map(pip_name, spec.pip)}


def fingerprint(spec: EnvironmentSettings, python: str) -> str:
    """The same for the same packages and Python, whoever may use them."""
    text = spec.model_dump_json(exclude={"groups"})
    return hashlib.sha256("\n".join((_FORMAT, python, text)).encode()).hexdigest()[:12]
