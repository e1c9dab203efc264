"""The release of our own nfs-server chart, where the cluster has no shared file system."""

from __future__ import annotations

from typing import Any

from qhub.config import Config
from qhub.releases.chart import mirrored

IMAGE = "registry.k8s.io/sig-storage/nfs-provisioner:v4.0.8"
"""Of it the chart uses NFS-Ganesha alone."""


def wanted(config: Config) -> bool:
    """Whether all nodes are to have the files, and no StorageClass is named that can do that."""
    storage = config.storage
    return storage.shared_storage_class is None and storage.shared_access_mode == "ReadWriteMany"


def storage_class(config: Config) -> str:
    """What the volume is said to be of; there is no such class, so that nothing makes another."""
    return f"{config.project_name}-{config.namespace}-shared"


def values(config: Config) -> dict[str, Any]:
    """What the chart is told."""
    return {"image": str(mirrored(config, config.default_images.nfs_server or IMAGE))}
