"""Video chat on this machine: a panel in JupyterLab, and for each person the rooms of their groups.

    video-chat/panel/labextensions/qhub-video-chat        the panel
    video-chat/rooms/NAME/labconfig/page_config.json      only NAME may read it

A public Jitsi server lets everybody in who knows a room's name. So names hold a part that only this
deployment can compute; it is the same after each deploy.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cache
from pathlib import Path

from qhub.errors import LocalError
from qhub.hub import video_chat
from qhub.local import jupyterhub
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, mirror, secret, write_private
from qhub.local.settings import JitsiSettings

Say = Callable[[str], None]
ANSWER_SECONDS = 3.0


def apply(machine: Machine, settings: JitsiSettings, panel: Path, say: Say) -> None:
    """Have the panel and everybody's rooms ready; a page of JupyterLab has them when reloaded.

    Raises:
        LocalError: the panel is not where it should come from.
    """
    say(f"opening rooms at {settings.server}")
    _install_panel(machine, panel)
    key = secret(_secret_file(machine))
    _ensure_folder(machine, video_chat.rooms(machine.directory, ""), 0o711)
    for name in settings.users:
        _write_rooms(machine, settings, name, key)
    _forget_others(machine, settings)
    write_private(_record(machine), jupyterhub.digest(_files(machine)) + "\n")


def remove(machine: Machine, say: Say) -> None:
    """Take the panel and the rooms away; should they come back, rooms have their old names."""
    say("closing the rooms of video chat")
    shutil.rmtree(video_chat.folder(machine.directory), ignore_errors=True)
    _record(machine).unlink(missing_ok=True)


def drift(machine: Machine) -> str | None:
    """Why the panel or the rooms are not as applied; None when they are."""
    try:
        applied = _record(machine).read_text(encoding="utf-8").strip()
    except OSError:
        return "video chat is gone"
    now = jupyterhub.digest(_files(machine))
    return None if now == applied else "the files of video chat were changed"


@cache
def silence(server: str) -> str | None:
    """Why a Jitsi server can't be reached from here; None when it answers, whatever it says.

    Asked once a run: the server may be somebody else's.
    """
    found: list[str | None] = []
    # Looking a name up has no time limit of its own, where nothing answers.
    thread = threading.Thread(target=lambda: found.append(_ask(server)), daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return found[0] if found else f"none within {ANSWER_SECONDS:g} seconds"


def _ask(server: str) -> str | None:
    try:
        urllib.request.urlopen(server, timeout=ANSWER_SECONDS).close()  # noqa: S310 - http or https
    except urllib.error.HTTPError:
        return None
    except urllib.error.URLError as error:
        return getattr(error.reason, "strerror", None) or str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    return None


def room(key: str, project: str, group: str) -> str:
    """The name of a group's room: readable, then what nobody can guess."""
    proof = hmac.digest(key.encode(), group.encode(), hashlib.sha256).hex()
    return f"{project}-{group}-{proof[:20]}"


def _install_panel(machine: Machine, panel: Path) -> None:
    mode = 0o755 if machine.unix else 0o700
    installed = video_chat.panel(machine.directory) / "labextensions" / video_chat.EXTENSION
    for folder in (*reversed(installed.parents[:3]), installed):
        _ensure_folder(machine, folder, mode)
    if not mirror(panel, installed, mode):
        raise LocalError(f"{panel} holds no panel for JupyterLab", "Render the stages again.")


def _write_rooms(machine: Machine, settings: JitsiSettings, name: str, key: str) -> None:
    user = settings.users[name]
    found = [
        (group, group if settings.door else room(key, settings.project_name, group))
        for group in sorted(user.groups)
    ]
    page = {
        "videoChatServer": f"{machine.url}/hub/video-chat" if settings.door else settings.server,
        "videoChatRooms": [{"group": group, "name": room} for group, room in found],
    }
    folder = video_chat.rooms(machine.directory, name)
    for path in (folder, folder / "labconfig"):
        _ensure_folder(machine, path, 0o755)
    file = folder / "labconfig" / "page_config.json"
    text = json.dumps(page, indent=1) + "\n"
    if machine.unix:
        write_private(file, text, mode=0o400, uid=user.uid)
    else:
        write_private(file, text)


def _forget_others(machine: Machine, settings: JitsiSettings) -> None:
    for folder in video_chat.rooms(machine.directory, "").iterdir():
        if folder.name not in settings.users:
            shutil.rmtree(folder)


def _ensure_folder(machine: Machine, path: Path, mode: int) -> None:
    """A folder that people can enter where they are Unix users; else for who deploys alone."""
    ensure_folder(path, mode if machine.unix else 0o700)


def _secret_file(machine: Machine) -> Path:
    return machine.private / "jitsi-secret"


def _record(machine: Machine) -> Path:
    return machine.private / "jitsi.sha256"


def _files(machine: Machine) -> list[Path]:
    return [_secret_file(machine), *sorted(video_chat.folder(machine.directory).rglob("*"))]
