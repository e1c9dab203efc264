"""What Terraform says of things that are there already, and which these are."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.runner.adopt import _name, _namespace
from qhub.stages import of
from qhub.stages.base import Place
from qhub.terraform import Engine, Event, Module

from .kubernetes.api import api

IN_USE = "cannot re-use a name that is still in use"
BUSY = "another operation (install/upgrade/rollback) is in progress"
NAMESPACE = 'namespaces "dev" already exists'
SECRET = 'Post "https://192.0.2.1/api": secrets "qhub-hub" already exists'


def module(folder: Path) -> Module:
    return Module(Engine(("terraform",), "Terraform", "1"), folder, folder)


def error(address: str, message: str, detail: str = "") -> Event:
    return Event("diagnostic", message, "error", address, detail=detail)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (error("kubernetes_namespace_v1.this", NAMESPACE), "dev"),
        (error("kubernetes_secret_v1.hub", SECRET), "qhub-hub"),
        (error("helm_release.access", "installation failed", IN_USE), "dask-access"),
        (error("helm_release.access", "upgrade failed", BUSY), "dask-access"),
        (error("helm_release.counted[0]", "installation failed", IN_USE), "some"),
        (error("helm_release.access", "installation failed", "no such chart"), None),
        (error("helm_release.other", "installation failed", IN_USE), None),
        (error("random_password.token", NAMESPACE), None),
    ],
)
def test_what_is_there_already_is_told_by_name(
    event: Event, name: str | None, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "helm_release" "access" {\n  name      = "dask-access"\n  chart = "x"\n}\n'
        'resource "helm_release" "counted" {\n  count = 1\n\n  name = "some"\n  chart = "x"\n}\n'
    )
    assert _name(event, module(tmp_path)) == name


def test_every_release_of_ours_is_found_by_its_address() -> None:
    for stage in of("existing"):
        text = "".join(path.read_text() for path in stage.templates.glob("*.tf"))
        for part in text.split('resource "helm_release" "')[1:]:
            label = part.partition('"')[0]
            event = error(f"helm_release.{label}", IN_USE)
            assert _name(event, module(stage.templates)), f"{stage.name} {label}"


def test_a_release_is_looked_for_beside_the_deployments_own_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("lab", "demo", "demo-demo")
    own = {"demo", "demo-storage"}
    with api(tmp_path) as served:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        served.release("traefik", "")
        served.release("nfs-server", "")
        assert _namespace(place, "helm_release.traefik", "traefik", own) == "demo"
        for path in [one for one in served.objects if "nfs-server" in one]:
            moved = path.replace("/demo/", "/demo-storage/")
            served.objects[moved] = served.objects.pop(path)
        address = "helm_release.nfs_server[0]"
        assert _namespace(place, address, "nfs-server", own) == "demo-storage"
        assert _namespace(place, address, "nfs-server", {"demo"}) == "demo"
