"""JupyterHub on this machine: proxy, hub and culler under the supervisor.

`apply` writes what they read and has those restarted for which something changed. People's
servers are no children of the supervisor: they go on through all of it, but for those whose
owner was removed, or lost a group that their running processes would still be in.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qhub.errors import LocalError
from qhub.local import accounts, certificates, effective, owned, supervisor, system, tools
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, secret, write_private
from qhub.local.people import People
from qhub.local.settings import HubSettings
from qhub.local.supervisor import Program

Say = Callable[[str], None]
PROGRAMS = ("proxy", "hub", "culler")
HEALTHY_SECONDS = 90.0
_PACKAGE = "qhub_hub"


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
    _copy_code(machine, code)
    tools.install(machine, code)
    certificates.ensure(machine, machine.hub / _PACKAGE / "certificate.py", say)
    effective.write(machine, resolved)
    write_private(machine.private / "traefik.json", json.dumps(_traefik(machine), indent=1) + "\n")
    say("starting JupyterHub")
    wanted = programs(machine, settings)
    supervisor.install(machine, wanted, of=PROGRAMS)
    wait_healthy(machine)
    people.clean_up()
    effective.remember(machine, settings)
    say(f"JupyterHub answers on {machine.url}")


def _traefik(machine: Machine) -> dict[str, Any]:
    """Traefik's own settings; its routes are in `rules.toml`, which the hub writes."""
    rules = ensure_folder(machine.private / "proxy", 0o700)
    host = f"[{machine.address}]" if ":" in machine.address else machine.address
    entry: dict[str, Any] = {
        "address": f"{host}:{machine.port}",
        "transport": {"respondingTimeouts": {"readTimeout": "10m"}},  # else uploads end after one
    }
    if machine.certificate.type != "disabled":
        certificate, key = certificates.files(machine)
        stores = {"default": {"defaultCertificate": {"certFile": certificate, "keyFile": key}}}
        tls = json.dumps({"tls": {"stores": stores}}, default=str)
        write_private(rules / "certificate.yaml", tls)  # JSON is YAML
        entry["http"] = {"tls": {}}
    else:
        (rules / "certificate.yaml").unlink(missing_ok=True)
    return {
        "api": {},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN"},
        "providers": {
            "providersThrottleDuration": "0s",
            "file": {"directory": str(rules), "watch": True},
        },
        "entryPoints": {
            "http": entry,
            "auth_api": {"address": f"127.0.0.1:{machine.ports['proxy']}"},
        },
    }


def read_by(machine: Machine) -> dict[str, list[Path]]:
    """The files that each program reads when it starts; it is started anew when one changes."""
    private = machine.private
    certificate = [*certificates.files(machine)] if machine.certificate.type != "disabled" else []
    code = sorted((machine.hub / _PACKAGE).rglob("*"))
    return {
        "proxy": [private / "traefik.json", *certificate],
        "hub": [private / "settings.json", *code],
    }


def programs(machine: Machine, settings: HubSettings) -> list[Program]:
    """What the supervisor is to keep running."""
    private, python = machine.private, machine.interpreter("hub")
    config = machine.hub / _PACKAGE / "jupyterhub_config.py"
    revision = {name: digest(files) for name, files in read_by(machine).items()}
    traefik = machine.environment("hub") / "bin" / "traefik"
    found = [
        Program(
            "proxy",
            [traefik, f"--configfile={private / 'traefik.json'}"],
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
        [machine.interpreter("hub"), "-m", "jupyterhub_idle_culler", *flags],
        environment={"JUPYTERHUB_API_TOKEN": secret(machine.private / "token-culler")},
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


def _copy_code(machine: Machine, code: Path) -> None:
    """The hub's code as the stage carries it; files that left the stage leave here, too."""
    target = ensure_folder(machine.hub / _PACKAGE, 0o700)
    wanted = {path.relative_to(code) for path in code.rglob("*") if path.is_file()}
    wanted = {path for path in wanted if "__pycache__" not in path.parts}
    if not wanted:
        raise LocalError(f"{code} holds no code for the hub", "Render the stages again.")
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for path in wanted:
        (target / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(code / path, target / path)


def answers(machine: Machine) -> bool:
    """Whether the hub answers through the proxy."""
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
        connection.request("GET", "/hub/health")
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
                raise LocalError(f"{name} doesn't start:\n{_tail(machine, name)}", _hint(machine))
        time.sleep(0.1)
    tail = _tail(machine, "hub")
    raise LocalError(f"the hub doesn't answer on {machine.url}:\n{tail}", _hint(machine))


def _hint(machine: Machine) -> str:
    return f"Logs: {machine.logs}"


def _tail(machine: Machine, name: str, lines: int = 12) -> str:
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
