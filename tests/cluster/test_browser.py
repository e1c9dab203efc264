"""A person with a browser, whose server is a pod."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from qhub.kubernetes.cluster import Cluster
from tests.cluster.conftest import node_address
from tests.cluster.deployment import PASSWORDS, ClusterDeployment
from tests.local.chromium import log_in, picture, run_in_new_notebook, tab


@pytest.fixture
def page(deployment: ClusterDeployment, cluster: Cluster) -> Iterator[Page]:
    """A tab of a browser that finds the deployment, and takes the certificate it signed itself."""
    found = f"--host-resolver-rules=MAP {deployment.domain} {node_address(cluster)}"
    with tab(found, distrustful=False) as page:
        yield page


def test_from_login_to_a_computed_cell(deployment: ClusterDeployment, page: Page) -> None:
    # A browser on the node drops what it loads when a pod starts: to it the network has changed.
    person = deployment.at_work("ada")
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(f"{page.url}: {error}"))
    page.goto(deployment.url)
    log_in(page, "ada", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("Invalid username or password")
    picture(page, "cluster-login")
    try:
        log_in(page, "ada", PASSWORDS["ada"])
        page.wait_for_url("**/user/ada/lab**", timeout=300_000)
        run_in_new_notebook(page, "import getpass; getpass.getuser(), sum(range(10))")
        output = page.locator(".jp-OutputArea-output").first
        expect(output).to_contain_text("('ada', 45)")
        picture(page, "cluster-lab")
    finally:
        person.stop()
    assert not failed, "a script of a page failed"
