"""`qhub kubeconfig`: one context, whole, for whoever it is given to."""

from __future__ import annotations

import base64
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from qhub.errors import ClusterError
from qhub.kubernetes.cluster import Access
from qhub.kubernetes.kubeconfig import holds_secrets, minimal, text

from ..config.support import SECURITY
from ..test_cli import qhub

FIRST = """\
current-context: other
contexts:
- {name: lab, context: {cluster: lab, user: ada}}
- {name: other, context: {cluster: other, user: ben}}
clusters:
- {name: lab, cluster: {server: 'https://lab:6443', certificate-authority: ca.crt}}
- {name: other, cluster: {server: 'https://other:6443'}}
users:
- {name: ben, user: {token: hunter2}}
"""
SECOND = """\
contexts:
- {name: lab, context: {cluster: shadowed, user: shadowed}}
users:
- {name: ada, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ../bin/login}}}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config").write_text(FIRST)
    (tmp_path / "a" / "ca.crt").write_bytes(b"CERTIFICATE")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config").write_text(SECOND)
    return str(tmp_path / "a" / "config"), str(tmp_path / "b" / "config")


def test_only_the_context_and_what_it_needs(files: tuple[str, ...]) -> None:
    found = yaml.safe_load(text(minimal(Access(files, "lab"), "science")))
    assert found["current-context"] == "lab"
    assert [one["name"] for kind in ("contexts", "clusters", "users") for one in found[kind]] == [
        "lab",
        "lab",
        "ada",
    ]
    assert found["contexts"][0]["context"]["namespace"] == "science"


def test_files_become_part_of_it(files: tuple[str, ...]) -> None:
    found = minimal(Access(files, "lab"), "science")
    cluster = found["clusters"][0]["cluster"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"CERTIFICATE"
    assert "certificate-authority" not in cluster
    program = found["users"][0]["user"]["exec"]["command"]
    assert Path(program).is_absolute()


def test_a_file_that_is_gone_is_named(files: tuple[str, ...]) -> None:
    Path(files[0]).with_name("ca.crt").unlink()
    with pytest.raises(ClusterError, match=r"ca\.crt of the kubeconfig can't be read"):
        minimal(Access(files, "lab"), "science")


def test_it_is_told_whether_it_lets_anybody_in(files: tuple[str, ...]) -> None:
    assert not holds_secrets(minimal(Access(files, "lab"), "science"))
    assert holds_secrets(minimal(Access(files, "other"), "science"))


@pytest.fixture
def here(tmp_path: Path, files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Path:
    config = "project_name: demo\nprovider: existing\ndomain: hub.example.org\n"
    config += "existing: {kube_context: other}\n"
    (tmp_path / "qhub-config.yaml").write_text(config + SECURITY)
    monkeypatch.setenv("KUBECONFIG", files[0])
    return tmp_path


def test_a_file_is_for_its_owner_alone(here: Path) -> None:
    done = qhub("kubeconfig", "--output", "mine", cwd=here)
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert (here / "mine").stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load((here / "mine").read_text())["users"][0]["user"] == {"token": "hunter2"}


def on_terminal(here: Path, *arguments: str) -> str:
    """What a terminal shows of `qhub kubeconfig`."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "qhub", "kubeconfig", *arguments]
    subprocess.run(command, cwd=here, stdout=theirs, stderr=theirs, check=False, timeout=60)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 10_000):
            shown += part
    except OSError:  # how a terminal says that it ended
        pass
    os.close(ours)
    return shown.decode()


def test_a_terminal_shows_credentials_only_when_asked(here: Path) -> None:
    shown = on_terminal(here)
    assert "holds credentials" in shown
    assert "hunter2" not in shown
    assert "hunter2" in on_terminal(here, "--show")
    assert "hunter2" in qhub("kubeconfig", cwd=here).stdout


def test_terraform_run_by_hand_gets_the_same_cluster(here: Path) -> None:
    printed = qhub("kubeconfig", "--env", cwd=here).stdout
    script = f'{printed}\nprintf \'%s %s\' "$KUBE_CONFIG_PATHS" "$KUBE_CTX"'
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert seen == f"{here / 'a' / 'config'} other"


def test_a_machine_is_no_cluster(here: Path) -> None:
    (here / "qhub-config.yaml").write_text(f"project_name: demo\n{SECURITY}")
    done = qhub("kubeconfig", cwd=here)
    assert done.returncode == 2
    assert "has no cluster" in done.stderr
