"""A hub on this machine needs no client of Kubernetes, and a cluster says that it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"kubernetes", "yaml", "cryptography"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
from qhub.cli import main
main()
"""
CLUSTER = """\
project_name: demo
provider: existing
domain: hub.example.org
security:
  groups: {admin: {gid: 20000}}
  users: {ada: {uid: 20001, primary_group: admin, password: {env: ADA_PASSWORD}}}
"""


def qhub(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "ADA_PASSWORD": "x"},
    )


def test_a_hub_on_this_machine_needs_none(tmp_path: Path) -> None:
    assert qhub(tmp_path, "init", "local", "--yes", "--admin", "ada").returncode == 0
    assert "05-jupyterhub" in qhub(tmp_path, "deploy", "--dry-run").stdout
    assert "absent" in qhub(tmp_path, "status").stdout


def test_a_cluster_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "qhub-config.yaml").write_text(CLUSTER)
    done = qhub(tmp_path, "deploy", "--yes")
    assert done.returncode == 1
    assert "hint: pip install 'qhub[kubernetes]'" in done.stderr
    assert "Traceback" not in done.stderr
