"""Terraform's providers as files, for where no registry can be reached."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from qhub.errors import MirrorError
from qhub.terraform.engine import Engine

_REQUIRED = re.compile(r'source\s*=\s*"([^"]+)"\s*version\s*=\s*"([^"]+)"')
_UNREACHABLE = re.compile(r'Get "https?://([^/"]+)[^"]*": ')
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def this_platform() -> str:
    """What Terraform calls this machine: `linux_amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"


def required(modules: Iterable[Path]) -> dict[str, list[str]]:
    """The providers that modules need, each with the versions that these ask for."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for file in module.glob("*.tf"):
            for source, version in _REQUIRED.findall(file.read_text(encoding="utf-8")):
                found.setdefault(source, set()).add(version)
    return {source: sorted(versions) for source, versions in sorted(found.items())}


def version_there(
    folder: Path, source: str, asked: Sequence[str], platforms: Sequence[str]
) -> str | None:
    """The newest version of a provider that a mirror holds for all platforms, of those asked for.

    Args:
        folder: The mirror, packed or unpacked.
        source: `hashicorp/helm`.
        asked: Versions as modules ask for them, `~> 3.1`; all have to hold.
        platforms: `linux_amd64` and the like.
    """
    there: dict[str, set[str]] = {}
    name = source.rsplit("/", 1)[1]
    for path in folder.glob(f"*/{source}/terraform-provider-{name}_*.zip"):
        version, _, machine = path.stem.removeprefix(f"terraform-provider-{name}_").partition("_")
        there.setdefault(version, set()).add(machine)
    for path in folder.glob(f"*/{source}/*/*"):
        there.setdefault(path.parent.name, set()).add(path.name)
    fitting = [
        version
        for version, machines in there.items()
        if machines.issuperset(platforms) and all(_fits(version, one) for one in asked)
    ]
    return max(fitting, key=_numbers, default=None)


def _fits(version: str, asked: str) -> bool:
    """Whether a version is one that `~> 3.1` or `3.1.2` asks for."""
    pinned = _numbers(asked.removeprefix("~>").removeprefix("=").strip())
    found = _numbers(version)
    if not asked.startswith("~>"):
        return found == pinned
    return found >= pinned and found[: len(pinned) - 1] == pinned[:-1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))


def mirror(
    engine: Engine, folder: Path, source: str, asked: Sequence[str], platforms: Sequence[str]
) -> None:
    """Bring a provider into a mirror; Terraform checks its signature.

    Raises:
        MirrorError: It can't be had.
    """
    wanted = {source.rsplit("/", 1)[1]: {"source": source, "version": ", ".join(asked)}}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        module = {"terraform": {"required_providers": wanted}}
        Path(scratch, "versions.tf.json").write_text(json.dumps(module), encoding="utf-8")
        machines = [f"-platform={one}" for one in platforms]
        done = subprocess.run(
            [*engine.command, "providers", "mirror", *machines, str(folder.absolute())],
            cwd=scratch,
            env={**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise _failure(source, done.stderr)


def _failure(source: str, said: str) -> MirrorError:
    """The first of the errors that Terraform told of, without colours and frames."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said).replace("│", " ")
    told = " ".join(plain.partition("Error:")[2].partition("╵")[0].split()) or plain.strip()
    host = _UNREACHABLE.search(told)
    if host:
        return MirrorError.unreachable(host[1], told.rpartition(": ")[2].rstrip("."))
    return MirrorError(f"provider {source} can't be had: {told}")
