"""The namespaces of a deployment, its own and those beside it, and where its files are in them."""

from __future__ import annotations

SHARED = "shared"
"""The claim of homes, shared folders and environments."""

LENT = "nfs-server"
"""The claim of the volume that an NFS server lends to the others."""


def gpu(namespace: str) -> str:
    """That of NVIDIA's device plugin."""
    return f"{namespace}-gpu"


def storage(namespace: str) -> str:
    """That of the NFS server, with the volume that it lends."""
    return f"{namespace}-storage"


def beside(namespace: str) -> tuple[str, ...]:
    """All but its own, in the order in which they can go: what is mounted, last."""
    return gpu(namespace), storage(namespace)
