"""Whether an SSH server greets who comes the way that users come."""

from __future__ import annotations

import time

from qhub.errors import StageError
from qhub.kubernetes import forward
from qhub.kubernetes.cluster import Access

GREETING_SECONDS = 60
"""How long it may take: its Service learns of a new pod in its own time."""

_POLL_SECONDS = 1.0


def wait_greeted(stage: str, context: str, namespace: str, pod: str, port: int) -> None:
    """Wait until SSH answers at a port of a pod.

    Raises:
        StageError: It doesn't.
    """
    access = Access.find(context)
    started = time.monotonic()
    while True:
        trouble = _trouble(access, namespace, pod, port)
        if trouble is None:
            return
        if time.monotonic() - started > GREETING_SECONDS:
            raise StageError(
                stage,
                f"SSH doesn't answer at port {port} of {pod}: {trouble}",
                hint="see `qhub logs traefik` and `qhub logs kubessh`",
            )
        time.sleep(_POLL_SECONDS)


def _trouble(access: Access, namespace: str, pod: str, port: int) -> str | None:
    try:
        connection = forward.opened(access, namespace, pod, port)
    except ConnectionError as error:
        return str(error)
    try:
        connection.settimeout(5)
        said = bytes(connection.recv(64))
    except OSError as error:
        return str(error) or "the connection is cut off"
    finally:
        connection.close()
    return None if said.startswith(b"SSH-2.0-") else f"it says {said!r}"
