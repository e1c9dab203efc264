"""Another version of a chart: people's files, what the hub knows, and who is at work just then."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.kubernetes import helm
from qhub.kubernetes.cluster import Cluster
from tests.cluster.conftest import standing
from tests.cluster.deployment import ClusterDeployment, new_deployment
from tests.local.browser import Person

NEXT = "99.0.0"


@pytest.fixture
def own(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterDeployment]:
    """A deployment from a folder of charts, of which there may be other versions."""
    deployment = new_deployment(cluster, tmp_path)
    if "charts" not in deployment.config["mirror"]:
        pytest.skip("needs the charts as folders: QHUB_TEST_MIRROR is not set")
    with standing(deployment, monkeypatch):
        yield deployment


def repackaged(charts: Path, target: Path) -> None:
    """The same charts; that of JupyterHub under another version, which starts its pods anew."""
    shutil.copytree(charts, target)
    about = target / "jupyterhub" / "Chart.yaml"
    about.write_text(re.sub(r"(?m)^version: .*", f"version: {NEXT}", about.read_text()))
    for part in ("hub", "proxy"):
        file = target / "jupyterhub" / "templates" / part / "deployment.yaml"
        text, count = re.subn(
            r"(?m)^( +)annotations:$", rf"\g<0>\n\1  v: '{NEXT}'", file.read_text()
        )
        assert count
        file.write_text(text)


def pods(cluster: Cluster, deployment: ClusterDeployment) -> dict[str, str]:
    """Each pod of the hub's chart by its component, with what tells it from another one."""
    found = cluster.ask(cluster.core.list_namespaced_pod, deployment.namespace).items
    return {
        pod.metadata.labels["component"]: pod.metadata.uid
        for pod in found
        if pod.metadata.labels.get("app") == "jupyterhub" and not pod.metadata.deletion_timestamp
    }


def knows(person: Person, token: str) -> bool:
    """Whether the hub still takes a token that it gave out."""
    asked = Person(person.hub)
    said = asked.request("/hub/api/user", headers={"Authorization": f"token {token}"})
    return asked.status == 200 and '"ada"' in said


@pytest.mark.timeout(1800)
def test_an_upgrade_keeps_files_and_what_the_hub_knows_and_ends_no_server(
    own: ClusterDeployment, cluster: Cluster
) -> None:
    ada = own.at_work("ada")
    kernel = ada.kernel()
    assert kernel.run("x = 41; open('kept', 'w').write('what ada made')") == "13"
    done = own.qhub("user", "token", "ada", "--expires", "1h")
    token = done.stdout.strip()
    before = pods(cluster, own)

    repackaged(Path(own.config["mirror"]["charts"]), own.folder / "charts")
    own.config["mirror"]["charts"] = str(own.folder / "charts")
    assert own.deploy()["changed"]
    release = helm.find(cluster, own.namespace, "jupyterhub")
    assert release
    assert (release.version, release.state) == (NEXT, "deployed")

    after = pods(cluster, own)
    assert after["singleuser-server"] == before["singleuser-server"]
    assert after["hub"] != before["hub"]
    assert after["proxy"] != before["proxy"]
    assert kernel.reconnected().run("x + 1") == "42"
    assert ada.run("print(open('kept').read())") == "what ada made\n"
    assert knows(ada, token)
    assert ada.hub_api("GET", "/users/ada")["server"]
