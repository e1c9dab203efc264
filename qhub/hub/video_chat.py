"""Where JupyterLab finds the panel of video chat, and the rooms of the person whose server it is.

Both are read at each load of its page. Neither is there without video chat.
"""

from __future__ import annotations

from pathlib import Path

EXTENSION = "qhub-video-chat"


def folder(directory: str | Path) -> Path:
    """The folder of all that follows."""
    return Path(directory, "video-chat")


def panel(directory: str | Path) -> Path:
    """A folder as JUPYTER_PATH takes it: the panel is one of its `labextensions`."""
    return folder(directory) / "panel"


def rooms(directory: str | Path, user: str) -> Path:
    """A folder as JUPYTER_CONFIG_PATH takes it: what JupyterLab's page is told for this person."""
    return folder(directory) / "rooms" / user
