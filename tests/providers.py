"""Where Terraform gets its providers from in tests: without a network, wherever that can be.

The first that is at hand: real ones from the mirror of `$QHUB_TEST_MIRROR`; a provider that knows
nothing but the schema of a real one, which is all that `validate` and `test` with `mock_provider`
ask; the registry.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from qhub.terraform import Engine
from tests import beside

VERSIONS = {"helm": "3.1.2", "kubernetes": "3.2.1", "random": "3.9.0", "tls": "4.2.1"}
"""The versions whose schemas are at hand; what a module asks for has to allow them."""

REGISTRIES = {"Terraform": "registry.terraform.io", "OpenTofu": "registry.opentofu.org"}


def environment(engine: Engine, platform: str, scratch: Path) -> dict[str, str]:
    """What Terraform is told so that it finds providers.

    Args:
        engine: The Terraform; its product says by which address it looks for providers.
        platform: As in the names of a mirror's folders, `linux_amd64`.
        scratch: A folder for what has to be made.
    """
    registry = REGISTRIES[engine.product]
    real = beside.mirror("providers")
    if real and all(_is_there(real / registry, name, platform) for name in VERSIONS):
        return {"TF_CLI_CONFIG_FILE": str(_settings(real, scratch))}
    try:
        schemas, source = beside.shared("terraform-schemas"), beside.shared("schema-provider")
    except pytest.skip.Exception as lacking:
        if _answers(registry):
            return {}
        pytest.skip(f"{lacking.msg}, and {registry} does not answer")
    if not shutil.which("go"):
        pytest.skip("a provider that knows only its schema is built with go, which is not on PATH")
    program = scratch / "provider"
    subprocess.run(["go", "build", "-o", program, "."], cwd=source, check=True)
    for folder, name in _folders(scratch / "providers" / registry, platform):
        folder.mkdir(parents=True)
        (folder / f"terraform-provider-{name}_v{VERSIONS[name]}").hardlink_to(program)
    settings = _settings(scratch / "providers", scratch)
    return {"TF_CLI_CONFIG_FILE": str(settings), "PROVIDER_SCHEMA_DIR": str(schemas)}


def _folders(registry: Path, platform: str) -> Iterable[tuple[Path, str]]:
    for name, version in VERSIONS.items():
        yield registry / "hashicorp" / name / version / platform, name


def _is_there(registry: Path, name: str, platform: str) -> bool:
    folder = registry / "hashicorp" / name
    return any(folder.glob(f"*/{platform}/*")) or any(folder.glob(f"*_{platform}.zip"))


def _settings(mirror: Path, scratch: Path) -> Path:
    file = scratch / "terraform.rc"
    method = f'filesystem_mirror {{\n    path = "{mirror}"\n  }}'
    file.write_text(f"provider_installation {{\n  {method}\n}}\n")
    return file


def _answers(host: str) -> bool:
    try:
        with socket.create_connection((host, 443), timeout=3):
            return True
    except OSError:
        return False
