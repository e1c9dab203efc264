"""`qhub mirror pull`: what a deployment needs, in a folder that it can be deployed from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.config import Config, parse
from qhub.errors import MirrorError
from qhub.releases import dask_gateway, jupyterhub, traefik
from qhub.releases.chart import Chart
from qhub.runner.folder import Folder
from qhub.runner.mirror import tell_terraform
from qhub.runner.progress import Progress
from qhub.runner.pull import Pulled, parts, pull

from ..config.support import SECURITY
from ..test_cli import qhub
from .repository import Site, add_chart, site

TEXT = """\
project_name: demo
provider: existing
domain: hub.example.org
mirror: {images: registry.example.org/mirror}
profiles:
  jupyterlab:
    - display_name: Small
      default: true
      kubespawner_override: {cpu_limit: 1, mem_limit: 1G, image: 'team/lab:2'}
"""
RELEASES = {"jupyterhub": jupyterhub, "dask-gateway": dask_gateway, "traefik": traefik}
PROVIDERS = ("helm", "kubernetes", "random", "tls")


def config(text: str = TEXT) -> Config:
    return parse(text + SECURITY)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Repositories of the charts, at the addresses that releases name in place of the real ones."""
    with site() as found:
        for name, release in RELEASES.items():
            chart = add_chart(found, f"/{name}", name, release.VERSION)

            def source(config: Config, chart: Chart = chart) -> Chart:
                del config
                return chart

            monkeypatch.setattr(release, "source", source)
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mirror that has the providers already."""
    for name in PROVIDERS:
        version = {"helm": "3.1.2", "kubernetes": "3.2.1", "random": "3.9.0", "tls": "4.2.1"}[name]
        place = f"providers/registry.terraform.io/hashicorp/{name}/{version}/linux_amd64"
        (tmp_path / "mirror" / place).mkdir(parents=True)
    return tmp_path / "mirror"


def pulled(folder: Path, news: list[Progress] | None = None) -> Pulled:
    return pull(config(), folder, ["linux_amd64"], (news if news is not None else []).append)


def test_a_folder_is_filled_and_then_left_alone(served: Site, folder: Path) -> None:
    done = pulled(folder)
    assert {path.name for path in (folder / "charts").iterdir()} == {
        f"{name}-{release.VERSION}.tgz" for name, release in RELEASES.items()
    }
    asked, news = list(served.asked), list[Progress]()
    assert pulled(folder, news) == done
    assert served.asked == asked
    assert [one.message for one in news if one.status == "done"][-1].endswith(" is there")


def test_what_was_cut_off_is_taken_up(served: Site, folder: Path) -> None:
    lost = served.pages.pop(f"/jupyterhub/jupyterhub-{jupyterhub.VERSION}.tgz")
    with pytest.raises(MirrorError, match="answers 404"):
        pulled(folder)
    assert [path.name for path in (folder / "charts").iterdir()] == [
        f"traefik-{traefik.VERSION}.tgz"
    ]
    served.pages[f"/jupyterhub/jupyterhub-{jupyterhub.VERSION}.tgz"] = lost
    pulled(folder)
    assert len(list((folder / "charts").iterdir())) == len(RELEASES)


@pytest.mark.usefixtures("served")
def test_a_deployment_takes_its_parts_from_there(folder: Path, tmp_path: Path) -> None:
    found = pulled(folder).settings
    mirrored = config(TEXT.replace("mirror: {", f"mirror: {{charts: {found['charts']}, "))
    assert jupyterhub.chart(mirrored, "https://x", "jupyterhub", jupyterhub.VERSION).name == str(
        folder / "charts" / f"jupyterhub-{jupyterhub.VERSION}.tgz"
    )
    told = mirrored.mirror.model_copy(update={"terraform_providers": found["terraform_providers"]})
    settings = tell_terraform(told, Folder(tmp_path))
    assert settings
    assert f'path = "{folder}/providers"' in Path(settings).read_text()


@pytest.mark.usefixtures("served")
def test_images_are_listed_with_their_names_in_the_mirror(folder: Path) -> None:
    pulled(folder)
    lines = (folder / "images.txt").read_text().splitlines()
    assert "docker.io/library/traefik:v3.7.11 " in " ".join(lines)
    assert "team/lab:2 registry.example.org/mirror/docker.io/team/lab:2" in lines
    assert all(line.startswith("#") or len(line.split()) == 2 for line in lines)


def test_what_a_deployment_needs_does_not_depend_on_the_mirror_it_has() -> None:
    there = TEXT.replace("mirror: {", "mirror: {charts: /srv/charts, ")
    assert parts(config(there)) == parts(config())
    assert all(chart.repository for chart in parts(config(there)).charts)


def test_an_image_that_is_overridden_is_not_copied(served: Site, folder: Path) -> None:
    del served
    text = (
        TEXT + "jupyterhub: {overrides: {hub: {image: {name: mine.example.org/hub, tag: '9'}}}}\n"
    )
    pull(config(text), folder, ["linux_amd64"], lambda _: None)
    assert "# used as it is named: mine.example.org/hub:9" in (folder / "images.txt").read_text()


def copying(tmp_path: Path, program: str, body: str) -> str:
    """A PATH with a program of that name which does what `body` says."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / program).write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "bin" / program).chmod(0o755)
    return f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"


@pytest.mark.usefixtures("served")
def test_images_are_copied_where_there_is_a_tool(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", copying(tmp_path, "crane", f'echo "$@" >>{tmp_path}/asked'))
    pull(config(), folder, ["linux_amd64"], lambda _: None, copy=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "copy team/lab:2 registry.example.org/mirror/docker.io/team/lab:2" in asked
    assert len(asked) == len(parts(config()).images)
    monkeypatch.setenv("PATH", copying(tmp_path, "crane", "echo denied; exit 1"))
    with pytest.raises(MirrorError, match=f"denied\nerror: {len(asked)} images were not copied"):
        pull(config(), folder, ["linux_amd64"], lambda _: None, copy=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT.replace("provider: existing\ndomain: hub.example.org\n", ""), "comes from a mirror"),
        (TEXT.replace("mirror: {images: registry.example.org/mirror}\n", ""), "no registry to"),
        (TEXT, "neither is on PATH"),
    ],
    ids=["local", "no registry", "no tool"],
)
def test_what_can_not_be_done_is_said_before_anything_is(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "qhub-config.yaml").write_text(text + SECURITY)
    done = qhub("mirror", "pull", "there", "--images", cwd=tmp_path, PATH="/nowhere")
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert not (tmp_path / "there").exists()


def test_without_a_network_the_host_is_named(tmp_path: Path) -> None:
    (tmp_path / "qhub-config.yaml").write_text(TEXT + SECURITY)
    dead = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = qhub("mirror", "pull", "--output", "json", cwd=tmp_path, NO_PROXY="", **dead)
    assert done.returncode == 1
    assert "can't be reached" in done.stderr
    assert "registry." in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[0])["status"] == "running"
    assert (tmp_path / "mirror" / "images.txt").is_file()
