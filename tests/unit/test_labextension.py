"""What is committed of JupyterLab's video-chat panel is built from the source beside it."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qhub
from qhub.hub import video_chat

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "labextension"
BUILT = Path(qhub.__file__).parent / "labextension"


def check(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, source / "build.py", "--check"], capture_output=True, text=True
    )


def copied(folder: Path) -> Path:
    """The source and what is built from it, where they may be changed."""
    here = shutil.ignore_patterns("node_modules", "lib")
    source = shutil.copytree(SOURCE, folder / "labextension", ignore=here)
    shutil.copytree(BUILT, folder / "qhub" / "labextension")
    return source


def test_the_build_is_of_the_present_source(tmp_path: Path) -> None:
    assert check(SOURCE).returncode == 0, "make labextension"
    source = copied(tmp_path)
    assert check(source).returncode == 0
    (source / "src" / "index.ts").write_text("// another\n")
    done = check(source)
    assert done.returncode == 1
    assert "hint: make labextension" in done.stderr


def test_building_again_gives_the_same() -> None:
    """In another folder, but on the same file system: the modules are many and are linked."""
    modules, npm = SOURCE / "node_modules", shutil.which("npm")
    if not modules.is_dir() or not npm:
        pytest.skip("needs Node and what `make labextension` installs")
    elsewhere = ROOT / "artifacts" / "labextension-again"
    shutil.rmtree(elsewhere, ignore_errors=True)
    source, again = copied(elsewhere), elsewhere / "qhub" / "labextension"
    shutil.copytree(modules, source / "node_modules", copy_function=os.link, symlinks=True)
    shutil.rmtree(again)
    subprocess.run([npm, "run", "build"], cwd=source, check=True, capture_output=True)
    names = sorted(path.relative_to(again).as_posix() for path in again.rglob("*"))
    assert all((BUILT / name).exists() for name in names)
    for name in names:
        assert (again / name).is_dir() or filecmp.cmp(again / name, BUILT / name, shallow=False)
    shutil.rmtree(elsewhere)


def test_the_build_is_small_and_names_no_folder_or_host() -> None:
    files = [path for path in BUILT.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 50_000
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert "registry" not in text
    described = json.loads((BUILT / "package.json").read_text())
    assert described["name"] == video_chat.EXTENSION
    assert (BUILT / described["jupyterlab"]["_build"]["load"]).is_file()
