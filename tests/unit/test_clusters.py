"""Commands over a deployment in a cluster: what they say where it can't be reached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qhub.runner.state import secrets_of

from .config.support import SECURITY
from .test_cli import qhub

CONFIG = """\
project_name: demo
provider: existing
domain: hub.example.org
"""
DEAD = """\
current-context: dead
contexts: [{name: dead, context: {cluster: dead, user: ada}}]
clusters: [{name: dead, cluster: {server: 'http://127.0.0.1:9'}}]
users: [{name: ada, user: {token: hunter2token}}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a configuration whose cluster doesn't answer."""
    (tmp_path / "qhub-config.yaml").write_text(CONFIG + SECURITY)
    (tmp_path / "kubeconfig").write_text(DEAD)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return tmp_path


def deployed(here: Path) -> None:
    """Leave the traces of a deployment, without one."""
    (here / ".qhub" / "applied" / "02-infrastructure").mkdir(parents=True)
    record = {"project_name": "demo", "namespace": "demo", "provider": "existing"}
    (here / ".qhub" / "deployment.json").write_text(json.dumps(record))
    state = {"backend": {"local": {"path": "../../.qhub/state/02-infrastructure.tfstate"}}}
    module = here / ".qhub" / "applied" / "02-infrastructure"
    (module / "backend.tf.json").write_text(json.dumps({"terraform": state}))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["doctor"], "the cluster of context 'dead' can't be reached"),
        (["deploy", "--yes"], "can't be reached"),
        (["deploy", "--plan"], "can't be reached"),
        (["user", "token", "alice"], "nothing is deployed"),
        (["user", "token", "alcie"], "there is no user `alcie`"),
        (["backup", "elsewhere"], "nothing is deployed"),
        (["logs", "hub"], "nothing is deployed"),
        (["ssh-config"], "SSH is not"),
    ],
    ids=" ".join,
)
def test_what_is_in_the_way_is_said(here: Path, arguments: list[str], told: str) -> None:
    done = qhub(*arguments, cwd=here)
    assert done.returncode in (1, 2)
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_status_before_a_deployment_asks_no_cluster(here: Path) -> None:
    found = json.loads(qhub("status", "--output", "json", cwd=here).stdout)
    assert {stage["state"] for stage in found["stages"]} == {"absent"}
    people = json.loads(qhub("user", "list", "--output", "json", cwd=here).stdout)
    assert {person["online"] for person in people} == {None}


def test_a_deployment_without_a_hub_has_nothing_to_back_up(here: Path) -> None:
    deployed(here)
    done = qhub("backup", "elsewhere", cwd=here)
    assert done.returncode == 2
    assert "nothing is deployed" in done.stderr
    assert not (here / "elsewhere").exists()


def test_support_works_where_the_cluster_does_not(here: Path) -> None:
    done = qhub("support", "--archive", "it.tar.gz", cwd=here)
    assert done.returncode == 0, done.stderr
    assert (here / "it.tar.gz").stat().st_size


def test_the_doctor_finds_what_a_mirror_lacks(here: Path) -> None:
    mirror = "mirror: {terraform_providers: there, charts: there}\n"
    (here / "qhub-config.yaml").write_text(CONFIG + mirror + SECURITY)
    found = json.loads(qhub("doctor", "--output", "json", cwd=here).stdout)
    told = [one["message"] for one in found["findings"] if one["name"] == "mirror"]
    assert any("provider hashicorp/helm" in one for one in told)
    assert any("chart jupyterhub" in one for one in told)


def test_secrets_of_a_state_are_known_by_value() -> None:
    def resource(kind: str, **attributes: object) -> dict[str, object]:
        return {"type": kind, "instances": [{"attributes": attributes}]}

    state = {
        "outputs": {
            "tokens": {"value": {"qhub": "hunter2qhub"}, "sensitive": True},
            "url": {"value": "https://hub.example.org", "sensitive": False},
        },
        "resources": [
            resource("random_password", result="hunter2random", length=13),
            resource("tls_private_key", private_key_pem="-BEGIN-\nhunter2line\n-END-"),
            resource("kubernetes_secret_v1", data={"token": "hunter2data"}, type="Opaque"),
            resource("kubernetes_config_map_v1", data={"colour": "vermilion"}),
        ],
    }
    found = secrets_of(state)
    assert {"hunter2qhub", "hunter2random", "hunter2line", "hunter2data"} <= found
    assert not {"https://hub.example.org", "vermilion", "Opaque", "-BEGIN-"} & found
