"""What is said of a volume that the file wants otherwise than it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.kubernetes.volumes import obstacles

from .api import Api, api


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Api]:
    with api(tmp_path) as found:
        yield found


def claim(server: Api, **more: Any) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "shared"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
            "storageClassName": "disks",
            "volumeName": "pvc-1",
        },
    }
    server.add(manifest)
    path = "/apis/storage.k8s.io/v1/storageclasses/disks"
    server.objects[path] = {"metadata": {"name": "disks"}, **more}


def told(
    server: Api, size: str, storage_class: str | None = None, mode: str = "ReadWriteOnce"
) -> list[str]:
    return list(
        obstacles(
            server.cluster,
            "demo",
            "shared",
            size=size,
            storage_class=storage_class,
            access_mode=mode,
        )
    )


def test_nothing_stands_in_the_way_of_what_is_so_or_not_there_yet(server: Api) -> None:
    assert told(server, "1Gi") == []
    claim(server)
    assert told(server, "10Gi", "disks") == []
    assert told(server, "10240Mi") == []


def test_it_grows_where_its_class_lets_it(server: Api) -> None:
    claim(server, allowVolumeExpansion=True)
    assert told(server, "11Gi") == []
    claim(server, allowVolumeExpansion=False)
    [text] = told(server, "11Gi")
    assert text == "it has 10Gi and can't get larger (11Gi): StorageClass disks lets none grow"


def test_it_never_shrinks(server: Api) -> None:
    claim(server, allowVolumeExpansion=True)
    assert told(server, "9Gi") == ["it has 10Gi and can't get smaller (9Gi)"]


def test_it_stays_of_its_class_and_mode(server: Api) -> None:
    claim(server, allowVolumeExpansion=True)
    [other_class] = told(server, "10Gi", "files")
    assert "of StorageClass disks" in other_class
    [other_mode] = told(server, "10Gi", mode="ReadWriteMany")
    assert "ReadWriteOnce" in other_mode
