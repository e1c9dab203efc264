"""What comes along for JupyterLab into a person's pod, whatever its image: files that are mounted.

Video chat may be deployed later, changed, or taken away again: a running pod follows, and a page
of JupyterLab with its next load.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from .profiles import Profile, told
from .video_chat import EXTENSION

TOP = "/opt/qhub/jupyter"
CODE = "qhub-hub-code"
"""The ConfigMap of the hub's code, of which pods see one file."""

CONFIG = "jupyter_server_config.py"
PANEL, ROOMS = "qhub-video-chat", "qhub-video-chat-rooms"
"""Of 09-jitsi: a ConfigMap with the panel's files, and a Secret with what JupyterLab's page is
told, by person: who knows the name of a room may enter it at some servers."""

_EVENTS = ":".join(
    (
        "/sys/fs/cgroup/memory.events",
        "/sys/fs/cgroup/memory/memory.oom_control",
    )
)
"""Where a container's own memory is counted, in cgroup v2 and v1."""


def volumes(user: str, panel: Sequence[str]) -> list[dict[str, Any]]:
    """The volumes, as Kubernetes takes them.

    Args:
        user: whose rooms are shown: those of others never come into the pod.
        panel: the files of the panel.
    """
    config_files = {"name": CODE, "items": [{"key": CONFIG, "path": CONFIG}]}
    panel_files = [{"key": file.replace("/", ".."), "path": file} for file in panel]
    own_rooms = [{"key": user, "path": "page_config.json"}]
    return [
        {"name": "jupyter-config", "configMap": config_files},
        {
            "name": "video-chat-panel",
            "configMap": {"name": PANEL, "items": panel_files, "optional": True},
        },
        {
            "name": "video-chat-rooms",
            "secret": {"secretName": ROOMS, "items": own_rooms, "optional": True},
        },
    ]


def mounts() -> list[dict[str, Any]]:
    """Where they are."""
    places = {
        "jupyter-config": f"{TOP}/config",
        "video-chat-panel": f"{TOP}/share/labextensions/{EXTENSION}",
        "video-chat-rooms": f"{TOP}/rooms/labconfig",
    }
    return [{"name": name, "mountPath": place, "readOnly": True} for name, place in places.items()]


def environment(profile: Profile, kernels: Iterable[str] = ()) -> dict[str, str]:
    """How JupyterLab finds them and further folders of kernels, and what its person may take."""
    cores = profile.get("cpu_limit")
    return {
        "JUPYTER_PATH": ":".join((*kernels, f"{TOP}/share")),
        "JUPYTER_CONFIG_PATH": f"{TOP}/config:{TOP}/rooms",
        **told(profile, _EVENTS),
        # Else libraries start a thread for each core of the node, which all wait for one another.
        **({"OMP_NUM_THREADS": str(math.ceil(cores))} if cores else {}),
    }
