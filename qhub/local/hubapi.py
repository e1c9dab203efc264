"""The hub of this machine, asked over its own loopback port, so also when the proxy is down."""

from __future__ import annotations

import http.client
from functools import partial

from qhub.hubapi import Hub
from qhub.local.facts import Machine
from qhub.local.files import secret


class HubApi(Hub):
    """The API of a machine's hub."""

    def __init__(self, machine: Machine) -> None:
        connect = partial(http.client.HTTPConnection, "127.0.0.1", machine.ports["hub"], timeout=30)
        super().__init__(connect, secret(machine.private / "token-qhub"))
