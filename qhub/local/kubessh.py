"""SSH on this machine: a program of the supervisor, which starts sessions beside people's servers.

It reads people and keys again by itself, so that no deploy ends anybody's session but those of who
was removed.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qhub.hub import ssh_service
from qhub.local import jupyterhub, owned, sandbox, supervisor
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, secret, write_private
from qhub.local.settings import SshSettings
from qhub.local.supervisor import Program

Say = Callable[[str], None]
PROGRAM = "ssh"
HOST_KEY = "ssh_host_ed25519_key"
TOOLS = ("relay.py", "files.py")


def apply(machine: Machine, settings: SshSettings, code: Path, say: Say) -> None:
    """Make SSH agree with the settings and wait until it answers.

    Raises:
        LocalError: it doesn't start or doesn't answer.
    """
    jupyterhub.copy_code(machine, code)
    ensure_folder(machine.ssh, 0o755 if machine.unix else 0o700)
    for name in TOOLS:
        text = (code / "ssh" / name).read_text(encoding="utf-8")
        write_private(machine.ssh / name, text, mode=0o644)
    people = settings.model_dump_json(include={"users", "groups"}, indent=1)
    write_private(_people_file(machine), people + "\n")
    service = json.dumps(_service(machine, settings.port), indent=1)
    write_private(_settings_file(machine), service + "\n")
    say("starting SSH")
    supervisor.install(machine, [program(machine)])
    wait_ready(machine)
    say(f"SSH answers on port {settings.port}")


def _settings_file(machine: Machine) -> Path:
    return machine.private / "ssh.json"


def _people_file(machine: Machine) -> Path:
    return machine.private / "ssh-people.json"


def _service(machine: Machine, port: int) -> dict[str, Any]:
    """What the service has to know of the machine."""
    return {
        "address": machine.address,
        "port": port,
        "host_key": str(machine.private / HOST_KEY),
        "people": str(_people_file(machine)),
        "hub": {
            "api": f"http://127.0.0.1:{machine.ports['hub']}/hub/api",
            "token": secret(machine.private / f"token-{ssh_service.SERVICE}"),
            "token_page": f"{machine.url}/hub/token",
        },
        "machine": {
            "directory": str(machine.directory),
            "user_python": str(machine.interpreter("user")),
            "hub_python": str(machine.interpreter("hub")),
            "tools": str(machine.ssh),
            "unix": machine.unix,
            "sandbox": sandbox.arguments(machine),
        },
    }


def read_by(machine: Machine) -> list[Path]:
    """The files that the service reads when it starts; it is started anew when one changes."""
    return [_settings_file(machine), *sorted((machine.hub / jupyterhub.PACKAGE).rglob("*"))]


def edited(machine: Machine) -> str | None:
    """What else a session needs and is gone."""
    needed = [_people_file(machine), *(machine.ssh / name for name in TOOLS)]
    gone = next((path for path in needed if not path.is_file()), None)
    return f"{gone} is gone" if gone else None


def program(machine: Machine) -> Program:
    """What the supervisor is to keep running."""
    return Program(
        PROGRAM,
        [machine.interpreter("hub"), "-m", f"{jupyterhub.PACKAGE}.ssh"],
        environment={
            "QHUB_SETTINGS": str(_settings_file(machine)),
            "PYTHONPATH": str(machine.hub),
        },
        priority=50,
        revision=jupyterhub.digest(read_by(machine)),
        stop_seconds=5,
    )


def port(machine: Machine) -> int | None:
    """The port as last applied."""
    try:
        settings = json.loads(_settings_file(machine).read_text(encoding="utf-8"))
        return int(settings["port"])
    except (OSError, ValueError, KeyError):
        return None


def host(machine: Machine) -> str:
    """The name or address under which people reach this machine."""
    return urlsplit(machine.url).hostname or machine.address


def answers(machine: Machine) -> bool:
    """Whether an SSH server greets on the port."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    address = anywhere.get(machine.address, machine.address)
    try:
        with socket.create_connection((address, port(machine) or 0), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_ready(machine: Machine) -> None:
    """Wait until the service greets.

    Raises:
        LocalError: it doesn't, or it keeps dying; with the end of its log.
    """
    jupyterhub.wait_for(machine, PROGRAM, answers, f"SSH doesn't answer on port {port(machine)}")


def remove(machine: Machine, say: Say) -> None:
    """End the service; the host key stays for the next time. Fine when there is none."""
    if not owned.is_ours(machine):
        return
    say("stopping SSH")
    supervisor.uninstall(machine, [PROGRAM])
    for file in (_settings_file(machine), _people_file(machine)):
        file.unlink(missing_ok=True)
    shutil.rmtree(machine.ssh, ignore_errors=True)
