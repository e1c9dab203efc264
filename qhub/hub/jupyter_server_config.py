"""What every JupyterLab server reads on top of a person's own settings.

A kernel that the system ended for its memory says so in the cell that ran: without it one only
sees that the kernel died.
"""

# mypy: disable-error-code="import-not-found, misc, no-any-return"

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
_ADVICE = (
    "Take less at a time, shut down other kernels, or choose a larger profile: "
    "File > Hub Control Panel > Stop My Server, then Start My Server."
)


def events() -> Path | None:
    """Where the system counts what it ended for its memory: the first place that there is."""
    places = os.environ.get("QHUB_MEMORY_EVENTS", "").split(":")
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


def kills() -> int:
    """How many processes of this server the system has ended for their memory."""
    file = events()
    lines = file.read_text(encoding="utf-8").splitlines() if file else []
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def limit() -> str:
    """What this server may take, in words."""
    memory, profile = os.environ.get("QHUB_MEMORY"), os.environ.get("QHUB_PROFILE")
    return f"{memory} of memory (profile {profile})"


class Connection(ZMQChannelsWebsocketConnection):
    """Between a page and a kernel; tells the page when it was memory that ended something."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cells: dict[str, dict[str, Any]] = {}
        """The requests that the kernel has not done yet, the one that it works on first.

        Taken on their way in as well: a kernel may end before it says on what it works.
        """
        self._kills = kills()

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        header = self._header(incoming_msg)
        if header.get("msg_type") == "execute_request":
            if not self._cells:
                self._kills = kills()
            self._cells[header["msg_id"]] = header
        super().handle_incoming_message(incoming_msg)

    def _header(self, message: Any) -> dict[str, Any]:
        """Of a request; empty in a form that no page of today sends."""
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            found: dict[str, Any] = json.loads(deserialize_msg_from_ws_v1(message)[1][0])
            return found
        return json.loads(message)["header"] if isinstance(message, str) else {}

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        super().handle_outgoing_message(stream, outgoing_msg)
        if getattr(stream, "channel", stream) == "iopub":
            _, parts = self.session.feed_identities(outgoing_msg)
            header, parent, _, content = map(self.session.unpack, parts[1:5])
            self._follow(header["msg_type"], parent, content)

    def _follow(self, kind: str, parent: dict[str, Any], content: dict[str, Any]) -> None:
        if kind == "status" and parent.get("msg_type") == "execute_request":
            if content["execution_state"] == "busy":
                self._kills = kills()
                self._cells.setdefault(parent["msg_id"], parent)
            else:
                self._cells.pop(parent["msg_id"], None)
        elif kind == "error" and content.get("ename", "").endswith("MemoryError") and bound():
            self.write_stderr(f"A kernel may take {limit()}. {_ADVICE}", parent)

    def on_kernel_restarted(self) -> None:
        self._explain()
        super().on_kernel_restarted()

    def on_restart_failed(self) -> None:
        self._explain()
        super().on_restart_failed()

    def _explain(self) -> None:
        """Say why the kernel died; before its restart is told, at which a page forgets the cell."""
        process = self.kernel_manager.provisioner.process
        if process is not None and process.poll() in KILLED and kills() > self._kills:
            reason = f"The system ended this kernel: your server went over its {limit()}."
            self.write_stderr(f"{reason} {_ADVICE}", next(iter(self._cells.values()), None))
        self._cells.clear()


def bound() -> bool:
    """Whether processes are bound one by one, so that a kernel sees the limit by itself."""
    return resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY


def bind() -> None:
    """Bind each process where the system would end all of them at once: there is no server then
    to say why. Kubernetes asks for that on most clusters (`memory.oom.group` of cgroup v2).
    """
    file = events()
    if file is None:
        return
    try:
        together = file.with_name("memory.oom.group").read_text(encoding="utf-8").strip() == "1"
        most = int(file.with_name("memory.max").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # cgroup v1, or no limit
        return
    _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
    if together and (allowed == resource.RLIM_INFINITY or most < allowed):
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


bind()
c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.kernel_websocket_connection_class = Connection
