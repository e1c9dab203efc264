"""When an NFS server is brought, of which image, and what the deployment needs for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.config import Config
from qhub.kubernetes import keep
from qhub.kubernetes.rights import needed
from qhub.kubernetes.rollout import last_warning
from qhub.releases import nfs_server
from qhub.releases.images import images
from qhub.stages.infrastructure import _fixed
from qhub.stages.kubernetes_initialize import KubernetesInitialize
from tests import charts

from ..config.support import config
from ..kubernetes.api import api

CLUSTER = "project_name: demo\nprovider: existing\ndomain: hub.example.org\n"
OTHERS = [
    "storage: {shared_storage_class: files}",
    "storage: {shared_access_mode: ReadWriteOnce}",
]


def made(*lines: str) -> Config:
    return config("".join(f"{line}\n" for line in lines), head=CLUSTER)


def listed(*lines: str) -> list[str]:
    """What `qhub mirror pull` copies for the stage."""
    inputs = KubernetesInitialize().inputs(made(*lines))
    return [str(one) for one in images(inputs.model_dump(mode="json"))]


def test_it_is_brought_where_all_nodes_need_the_files_and_nothing_else_is_named() -> None:
    assert nfs_server.wanted(made())
    assert listed() == [nfs_server.IMAGE]
    for other in OTHERS:
        assert not nfs_server.wanted(made(other))
        assert listed(other) == []


def test_its_image_comes_from_the_mirror_unless_another_is_named() -> None:
    mirror = "mirror: {images: registry.example.org/mirror}"
    assert listed(mirror) == [
        "registry.example.org/mirror/registry.k8s.io/sig-storage/nfs-provisioner:v4.0.8"
    ]
    assert listed("default_images: {nfs_server: 'team/ganesha:4'}") == ["team/ganesha:4"]


def test_the_chart_has_the_same_image_when_it_is_used_by_itself() -> None:
    assert f"\nimage: {nfs_server.IMAGE}\n" in (charts.OWN / "nfs-server/values.yaml").read_text()


def test_rights_for_it_are_asked_for_where_it_is_brought() -> None:
    with_it, without = set(needed("dev", nfs=True)), set(needed("dev"))
    assert without < with_it
    more = {(one.resource, one.namespace) for one in with_it - without}
    assert ("persistentvolumes", None) in more
    assert ("statefulsets", "dev-storage") in more


def claim(
    name: str, volume: str, namespace: str, storage_class: str = "", mode: str = "ReadWriteOnce"
) -> dict[str, object]:
    metadata = {"name": name, "namespace": namespace, "labels": {}}
    spec = {
        "volumeName": volume,
        "storageClassName": storage_class,
        "accessModes": [mode],
        "resources": {"requests": {"storage": "70Gi"}},
    }
    kind = "PersistentVolumeClaim"
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


SIZES = "storage: {shared_filesystem: 60Gi, conda_store: 10Gi%s}"


def test_files_of_a_storage_class_do_not_move_to_it_by_themselves(tmp_path: Path) -> None:
    config = made("namespace: dev", SIZES % "")
    with api(tmp_path) as served:
        served.add(claim("shared", "pvc-1", "dev", "files", "ReadWriteMany"), namespace="dev")
        [told] = _fixed(config, served.cluster)
        assert "it is of StorageClass files and can't become one of demo-dev-shared" in told
        mine = claim("shared", "demo-dev-shared", "dev", "demo-dev-shared", "ReadWriteMany")
        served.add(mine, namespace="dev")
        assert list(_fixed(config, served.cluster)) == []
        [told] = _fixed(
            made("namespace: dev", SIZES % ", shared_storage_class: files"), served.cluster
        )
        assert "can't become one of files" in told


def test_it_grows_as_the_volume_behind_it_does(tmp_path: Path) -> None:
    larger = made("namespace: dev", SIZES.replace("60", "80") % "")
    with api(tmp_path) as served:
        mine = claim("shared", "demo-dev-shared", "dev", "demo-dev-shared", "ReadWriteMany")
        served.add(mine, namespace="dev")
        space = "dev-storage"
        served.add(claim("nfs-server", "pvc-1", space, "disks"), namespace=space)
        disks = {"metadata": {"name": "disks"}, "allowVolumeExpansion": True}
        served.objects["/apis/storage.k8s.io/v1/storageclasses/disks"] = disks
        assert list(_fixed(larger, served.cluster)) == []
        disks["allowVolumeExpansion"] = False
        [told] = _fixed(larger, served.cluster)
        assert "StorageClass disks lets none grow" in told


def test_kept_is_the_volume_behind_it_and_not_the_way_there(tmp_path: Path) -> None:
    own = {"app.kubernetes.io/part-of": "qhub", "app.kubernetes.io/instance": "demo-dev"}
    spec = {"persistentVolumeReclaimPolicy": "Delete"}
    told: list[str] = []
    with api(tmp_path) as served:
        served.add(claim("shared", "demo-dev-shared", "dev"), namespace="dev")
        served.add(claim("nfs-server", "pvc-1", "dev-storage"), namespace="dev-storage")
        volumes = "/api/v1/persistentvolumes"
        for name, labels in (("demo-dev-shared", own), ("pvc-1", {})):
            metadata = {"name": name, "labels": labels, "annotations": {}}
            served.objects[f"{volumes}/{name}"] = {"metadata": metadata, "spec": dict(spec)}
        keep.hold(served.cluster, "dev", "demo-dev", told.append)
        assert told == ["keeps nfs-server: PersistentVolume pvc-1"]
        assert served.objects[f"{volumes}/demo-dev-shared"]["spec"] == spec
        kept = served.objects[f"{volumes}/pvc-1"]
        assert kept["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
        assert kept["metadata"]["annotations"][keep.KEPT_FOR] == "demo-dev"


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        (
            "MountVolume.SetUp failed: mount failed: exit status 32 Output: mount: bad option; for"
            " several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper"
            " program.",
            True,
        ),
        ("MountVolume.SetUp failed: mount.nfs: Connection timed out", False),
    ],
)
def test_a_node_that_cannot_mount_is_told_what_it_lacks(
    message: str, is_told: bool, tmp_path: Path
) -> None:
    event = {
        "metadata": {"name": "one"},
        "involvedObject": {"kind": "Pod", "name": "hub"},
        "type": "Warning",
        "message": message,
    }
    with api(tmp_path) as served:
        served.objects["/api/v1/namespaces/dev/events/one"] = event
        found = last_warning(served.cluster, "dev", "hub")
    assert found.startswith(message)
    assert ("nfs-common (Debian) or nfs-utils (RPM)" in found) is is_told
