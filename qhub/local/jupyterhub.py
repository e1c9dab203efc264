"""JupyterHub on this machine: proxy, hub and culler under the supervisor.

`apply` writes what they read and has those restarted for which something changed. People's
servers are no children of the supervisor: they go on through all of it, but for those whose
owner was removed, or lost a group that their running processes would still be in.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from qhub.errors import LocalError
from qhub.local import (
    accounts,
    certificates,
    effective,
    monitoring,
    owned,
    proxy,
    supervisor,
    system,
    tools,
)
from qhub.local.facts import Machine
from qhub.local.files import mirror, secret
from qhub.local.people import People
from qhub.local.settings import HubSettings
from qhub.local.supervisor import Program

Say = Callable[[str], None]
PROGRAMS = ("proxy", "hub", "culler")
HEALTHY_SECONDS = 90.0
SERVICE_SECONDS = 60.0
PACKAGE = "qhub_hub"


def apply(machine: Machine, settings: HubSettings, code: Path, say: Say) -> None:
    """Make the hub agree with the settings and wait until it answers through the proxy.

    Raises:
        PreflightError: an account name or number is somebody else's; nothing was changed.
        MissingSecret: a password or client secret is not there; nothing was changed.
        LocalError: a program doesn't start or doesn't answer.
    """
    accounts.preflight(settings, machine)
    resolved = effective.resolve(machine, settings)
    people = People(machine, settings, say)
    people.prepare()
    copy_code(machine, code)
    tools.install(machine, code)
    tools.install_settings(machine, code)
    certificates.ensure(machine, machine.hub / PACKAGE / "certificate.py", say)
    effective.write(machine, resolved)
    monitoring.apply(machine, settings.monitoring)
    proxy.write(machine, monitoring.of_proxy(settings.monitoring))
    say("starting JupyterHub")
    wanted = programs(machine, settings)
    supervisor.install(machine, wanted, of=PROGRAMS)
    wait_healthy(machine)
    people.clean_up()
    effective.remember(machine, settings)
    say(f"JupyterHub answers on {machine.url}")


def read_by(machine: Machine) -> dict[str, list[Path]]:
    """The files that each program reads when it starts; it is started anew when one changes."""
    private = machine.private
    certificate = [*certificates.files(machine)] if machine.certificate.type != "disabled" else []
    code = sorted((machine.hub / PACKAGE).rglob("*"))
    return {
        "proxy": [proxy.settings_file(machine), *certificate],
        "hub": [private / "settings.json", *code],
    }


def programs(machine: Machine, settings: HubSettings) -> list[Program]:
    """What the supervisor is to keep running."""
    private, python = machine.private, machine.interpreter("hub")
    config = machine.hub / PACKAGE / "jupyterhub_config.py"
    revision = {name: digest(files) for name, files in read_by(machine).items()}
    traefik = machine.environment("hub") / "bin" / "traefik"
    found = [
        Program(
            "proxy",
            [traefik, f"--configfile={proxy.settings_file(machine)}"],
            priority=10,
            revision=revision["proxy"],
            stop_seconds=5,
        ),
        Program(
            "hub",
            [python, "-m", "jupyterhub", f"--config={config}"],
            environment={"QHUB_SETTINGS": str(private / "settings.json")},
            priority=20,
            revision=revision["hub"],
        ),
    ]
    minutes = settings.idle_culler.server_shutdown_no_activity_timeout
    if minutes:
        found.append(_culler(machine, minutes * 60))
    return found


def _culler(machine: Machine, timeout: int) -> Program:
    api = f"http://127.0.0.1:{machine.ports['hub']}/hub/api"
    flags = [f"--url={api}", f"--timeout={timeout}", f"--cull-every={min(timeout // 2, 300)}"]
    return Program(
        "culler",
        [machine.interpreter("hub"), "-m", f"{PACKAGE}.culler", *flags],
        environment={
            "JUPYTERHUB_API_TOKEN": secret(machine.private / "token-culler"),
            "PYTHONPATH": str(machine.hub),
        },
        priority=30,
        stop_seconds=5,
    )


def digest(files: list[Path]) -> str:
    """A short sum over names and contents of files."""
    total = hashlib.sha256()
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:16]


def copy_code(machine: Machine, code: Path) -> None:
    """The hub's code as the stage carries it; files that left the stage leave here, too."""
    if not mirror(code, machine.hub / PACKAGE, 0o700):
        raise LocalError(f"{code} holds no code for the hub", "Render the stages again.")


def answers(machine: Machine, path: str = "/hub/health") -> bool:
    """Whether the hub, or a service behind it, answers through the proxy."""
    host = machine.address
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    connection: http.client.HTTPConnection
    if machine.certificate.type == "disabled":
        connection = http.client.HTTPConnection(host, machine.port, timeout=5)
    else:
        # Whether a certificate is trusted is the visitor's question; this asks who listens.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(host, machine.port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_healthy(machine: Machine) -> None:
    """Wait until the hub answers through the proxy.

    Raises:
        LocalError: it doesn't, or one of the programs keeps dying; with the end of its log.
    """
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        states = {info["name"]: info["statename"] for info in supervisor.processes(machine)}
        if all(states.get(name) == "RUNNING" for name in ("proxy", "hub")) and answers(machine):
            return
        for name in ("proxy", "hub"):
            if states.get(name) in ("BACKOFF", "FATAL"):
                raise LocalError(f"{name} doesn't start:\n{tail(machine, name)}", hint(machine))
        time.sleep(0.1)
    last = tail(machine, "hub")
    raise LocalError(f"the hub doesn't answer on {machine.url}:\n{last}", hint(machine))


def wait_for(
    machine: Machine, program: str, answers: Callable[[Machine], bool], otherwise: str
) -> None:
    """Wait until a service beside the hub runs and answers.

    Raises:
        LocalError: it doesn't, or it keeps dying; `otherwise`, with the end of its log.
    """
    deadline = time.monotonic() + SERVICE_SECONDS
    while time.monotonic() < deadline:
        states = {info["name"]: info["statename"] for info in supervisor.processes(machine)}
        state = states.get(program)
        if state == "RUNNING" and answers(machine):
            return
        if state in ("BACKOFF", "FATAL"):
            break
        time.sleep(0.1)
    raise LocalError(f"{otherwise}:\n{tail(machine, program)}", hint(machine))


def hint(machine: Machine) -> str:
    """Where to look."""
    return f"Logs: {machine.logs}"


def tail(machine: Machine, name: str, lines: int = 12) -> str:
    """The end of a program's log."""
    try:
        text = (machine.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def remove(machine: Machine, say: Say) -> None:
    """End people's servers and the programs, remove accounts of ours. Files stay."""
    if not owned.is_ours(machine):
        return
    say("stopping JupyterHub")
    supervisor.uninstall(machine, PROGRAMS)
    ended = system.end(lambda: (process for _, process in owned.servers(machine)))
    if ended:
        say(f"ended {ended} processes of people's servers")
    accounts.remove_all(machine)
