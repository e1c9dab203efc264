"""Starts a program of conda-store as the Unix user of conda-store, where there is one.

The port of the server is opened before that: where who deployed is root, it is one that no user of
the machine can open in its place.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

SOCKET = "QHUB_SOCKET"
"""Says which descriptor the server's socket is."""


def main(program: str) -> None:
    """Become the program, `server` or `worker`."""
    settings = json.loads(Path(os.environ["QHUB_SETTINGS"]).read_text(encoding="utf-8"))
    environment = {**settings["environment"], "QHUB_DEPLOYMENT": os.environ["QHUB_DEPLOYMENT"]}
    if program == "server":
        listener = socket.create_server(("127.0.0.1", settings["port"]))
        listener.set_inheritable(True)
        environment[SOCKET] = str(listener.fileno())
    else:
        os.nice(10)  # what people do meanwhile comes first
    if settings["uid"] is not None:
        os.setgroups([])
        os.setgid(settings["gid"])
        os.setuid(settings["uid"])
    os.umask(0o077)
    for folder in settings["folders"]:
        Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(environment["HOME"])
    command = settings["programs"][program]
    os.execve(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
