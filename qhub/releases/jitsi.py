"""Video chat in a cluster: the panel that comes into people's pods."""

from __future__ import annotations

from pathlib import Path

PANEL = Path(__file__).parent.parent / "labextension"
"""The panel, as it is built."""

_UNUSED = "source.sha256"


def panel_files() -> list[str]:
    """The files of the panel that JupyterLab reads, as paths within it."""
    files = (path for path in PANEL.rglob("*") if path.is_file() and path.name != _UNUSED)
    return sorted(path.relative_to(PANEL).as_posix() for path in files)
