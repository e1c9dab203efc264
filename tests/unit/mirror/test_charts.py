"""Charts come from a repository whole and checked, or not at all, with a plain reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qhub.errors import MirrorError
from qhub.mirror import charts

from .repository import Site, add_chart, packed, site


@pytest.fixture
def served() -> Iterator[Site]:
    with site() as found:
        yield found


def test_a_chart_is_downloaded(served: Site) -> None:
    add_chart(served, "/charts", "hub", "1.2.3")
    address = served.address + "/charts"
    assert charts.download(address, "hub", "1.2.3") == packed("hub", "1.2.3")


def test_its_address_may_be_anywhere_and_its_version_have_a_v(served: Site) -> None:
    add_chart(served, "", "hub", "1.2.3")
    served.pages["/elsewhere/x.tgz"] = served.pages.pop("/hub-1.2.3.tgz")
    index = served.pages["/index.yaml"].decode()
    index = index.replace("hub-1.2.3.tgz", f"{served.address}/elsewhere/x.tgz")
    served.pages["/index.yaml"] = index.replace("version: 1.2.3", "version: v1.2.3").encode()
    assert charts.download(served.address, "hub", "1.2.3") == packed("hub", "1.2.3")


def test_another_content_than_the_index_tells_of_is_refused(served: Site) -> None:
    add_chart(served, "", "hub", "1.2.3")
    served.pages["/hub-1.2.3.tgz"] = packed("hub", "6.6.6")
    with pytest.raises(MirrorError, match=r"is not the chart that .* tells of: its SHA-256"):
        charts.download(served.address, "hub", "1.2.3")


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (None, "answers 404"),
        (b"<html>log in first</html>", "is no index of a chart repository"),
        (b"entries: [", "is no index of a chart repository"),
        (b"entries: {hub: [{version: 1.2.3}]}", "is no index of a chart repository"),
        (b"entries: {hub: [{version: 1.2.4}]}", "has no chart hub 1.2.3"),
        (b"entries: {}", "has no chart hub 1.2.3"),
    ],
)
def test_what_is_no_repository_is_told(served: Site, index: bytes | None, told: str) -> None:
    if index is not None:
        served.pages["/index.yaml"] = index
    with pytest.raises(MirrorError, match=told):
        charts.download(served.address, "hub", "1.2.3")


def test_a_host_out_of_reach_is_named_with_what_to_do() -> None:
    with pytest.raises(MirrorError) as caught:
        charts.download("https://charts.invalid/stable", "hub", "1.2.3")
    assert "charts.invalid can't be reached: " in caught.value.message
    assert "where there is internet" in (caught.value.hint or "")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "oci://ghcr.io/team/charts"])
def test_only_the_web_is_asked(address: str) -> None:
    with pytest.raises(MirrorError, match="no web address"):
        charts.download(address, "hub", "1.2.3")
