"""From settings to a `Machine`: choose folder, isolation, Python and ports, or say what is wrong.

Once chosen, folder and internal ports stay as they are. Everything that stands in the way is
found before anything is changed, and told at once.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from qhub.errors import PreflightError
from qhub.local import interpreter, owned, ports, sandbox, system
from qhub.local.facts import Isolation
from qhub.local.facts import Machine as Machine
from qhub.local.files import ensure_folder
from qhub.local.settings import Certificate, MachineSettings

SERVER_DATA = Path("/var/lib/qhub")
"""Where deployments of root live; every user can get there, unlike to a clone under /root."""

KEPT_FACTS = Path("private", "machine.json")
"""A second copy of the facts, for when the folder with the configuration is gone."""

NEEDED_DISK = 3 * 1024**3
NEEDED_MEMORY = 1024**3
DEFAULT_NAMESPACES = (None, "", "dev")
_PLAIN_PATH = re.compile(r"[\w./@+=, -]+")
_UNIX_TOOLS = ("useradd", "usermod", "userdel", "groupadd", "groupdel", "groupmod")


class Resolution:
    """Settings on their way to a machine; what is wrong is collected in `problems`."""

    def __init__(self, settings: MachineSettings, facts: Path) -> None:
        self.settings = settings
        self.deployment = facts.resolve().parent.parent
        self.problems: list[str] = []
        self.notices: list[str] = []
        self.previous = Machine.of_folder(facts)

    def machine(self) -> Machine:
        """Everything decided; look at `problems` before using it."""
        directory = self._directory()
        isolation, python = self._isolation(directory)
        certificate = self._certificate()
        self._check_address(certificate)
        return Machine(
            project_name=self.settings.project_name,
            deployment=self.deployment,
            directory=directory,
            isolation=isolation,
            python=python,
            address=self.settings.address,
            port=self.settings.port,
            url=self._url(certificate),
            ports=self._ports(reserved=isolation == "unix"),
            certificate=certificate,
            notices=self.notices,
        )

    def _directory(self) -> Path:
        wanted = self.settings.directory
        if wanted is not None:
            wanted = Path(os.path.normpath(self.deployment / wanted.expanduser()))
        if self.previous is not None:
            return self._kept_directory(self.previous.directory, wanted)
        chosen = wanted or self._default_directory()
        if not _PLAIN_PATH.fullmatch(str(chosen)):
            self.problems.append(
                f"the folder {chosen} has characters in its name that services stumble over; "
                "choose another with local.directory"
            )
        self._check_owner(chosen)
        return chosen

    def _default_directory(self) -> Path:
        if os.geteuid() != 0:
            return self.deployment / "local"
        name = self.settings.project_name
        if self.settings.namespace not in DEFAULT_NAMESPACES:
            name = f"{name}-{self.settings.namespace}"
        names = [name, *(f"{name}-{number}" for number in range(2, 100))]
        folders = [SERVER_DATA / name for name in names]
        # One that is this deployment's already, from before a destroy that kept data, comes first.
        ours = [folder for folder in folders if owned.owner(folder) == self.deployment]
        free = [folder for folder in folders if owned.owner(folder) is None]
        return (ours or free or folders)[0]

    def _kept_directory(self, kept: Path, wanted: Path | None) -> Path:
        if wanted not in (None, kept):
            self.problems.append(
                f"the deployment lives in {kept}, and local.directory now says {wanted}; "
                "destroy it first, or put the old folder back"
            )
        if kept.exists() and kept.stat().st_uid != os.geteuid():
            self.problems.append(
                f"{kept} belongs to another user ({_user(kept.stat().st_uid)}); "
                "run qhub as the user who deployed first"
            )
        self._check_owner(kept)
        return kept

    def _check_owner(self, directory: Path) -> None:
        owner = owned.owner(directory)
        if owner == self.deployment:
            return
        if owner is not None and not self._moved(owner):
            kept = directory / KEPT_FACTS
            gone = not (owner / ".qhub").exists() and kept.exists()
            self.problems.append(
                f"{directory} belongs to the deployment in {owner}; give this one another "
                "folder with local.directory, or another project_name or namespace"
                + (f", or remove that one: qhub-local machine remove --facts {kept}" * gone)
            )
        elif owner is None and directory.exists() and any(directory.iterdir()):
            self.problems.append(
                f"{directory} exists and is not empty; choose another with local.directory"
            )

    def _moved(self, owner: Path) -> bool:
        """Whether a marker names the place from which this deployment was moved."""
        return self.previous is not None and not (owner / ".qhub" / "machine.json").exists()

    def _isolation(self, directory: Path) -> tuple[Isolation, Path]:
        """What keeps people apart, and the Python for that choice."""
        wanted = self.settings.isolation
        if wanted in ("auto", "unix"):
            reason, found = self._unix_obstacle(directory)
            if reason is None and found is not None:
                return "unix", found
            if wanted == "unix":
                self.problems.append(f"local.isolation is unix, but {reason}")
            elif os.geteuid() == 0:
                self.notices.append(f"no Unix users are made, since {reason}")
        python = self._own_python(self.settings.python)
        if wanted in ("auto", "bwrap"):
            reason = self._sandbox_obstacle(python)
            if reason is None:
                self.notices.append(
                    "isolation bwrap: each person's programs run in a sandbox, all as "
                    f"{_user(os.geteuid())}; memory is limited a process"
                )
                return "bwrap", python
            if wanted == "bwrap":
                self.problems.append(f"local.isolation is bwrap, but {reason}")
            elif os.geteuid() != 0:
                self.notices.append(f"people get no sandboxes, since {reason}")
        self.notices.append(
            "isolation none: people on this hub are not isolated from each other: "
            f"every server runs as {_user(os.geteuid())}"
        )
        return "none", python

    def _sandbox_obstacle(self, python: Path) -> str | None:
        if os.geteuid() == 0:
            return "root's sandbox would still be root's; local.isolation: unix is for root"
        return sandbox.obstacle(python)

    def _unix_obstacle(self, directory: Path) -> tuple[str | None, Path | None]:
        if os.geteuid() != 0:
            return "that needs root", None
        missing = [tool for tool in _UNIX_TOOLS if not shutil.which(tool)]
        if missing:
            return f"this machine has no {missing[0]}", None
        existing = next(p for p in directory.parents if p.exists())  # its own mode is up to us
        closed = interpreter.closed_folder(existing)
        if closed is not None:
            return f"other users can't enter {closed}, where {directory} lies", None
        return self._reachable_python()

    def _reachable_python(self) -> tuple[str | None, Path | None]:
        wanted = self.settings.python
        kept = self.previous.python if self.previous and self.previous.unix else None
        if wanted is None and kept and kept.exists() and interpreter.reachable(kept):
            return None, kept
        if wanted is not None:
            if interpreter.reachable(wanted) and interpreter.probe(wanted):
                return None, wanted
            closed = interpreter.closed_folder(wanted) or wanted
            return f"other users can't run local.python {wanted} (because of {closed})", None
        found = interpreter.find_reachable()
        if found is None:
            own = interpreter.own().path
            return (
                f"there is no Python 3.11 or newer that other users can run ({own} is closed to "
                "them at {}); install one, python3 of the system say".format(
                    interpreter.closed_folder(own) or own
                ),
                None,
            )
        return None, found.path

    def _own_python(self, wanted: Path | None) -> Path:
        if wanted is None:
            return interpreter.own().path
        found = interpreter.probe(wanted)
        if found is None:
            self.problems.append(f"local.python {wanted} is no working Python")
        elif found.version < interpreter.OLDEST:
            version = ".".join(map(str, found.version))
            self.problems.append(f"local.python {wanted} is Python {version}; 3.11 is the oldest")
        return wanted

    def _certificate(self) -> Certificate:
        given = self.settings.certificate
        if given.type != "existing":
            return Certificate(type=given.type)
        update: dict[str, Path] = {}
        for key in ("certificate_file", "key_file"):
            path: Path | None = getattr(given, key)
            if path is None:
                self.problems.append(f"certificate.type is existing, but there is no {key}")
                continue
            update[key] = self.deployment / path.expanduser()
            if not os.access(update[key], os.R_OK):
                self.problems.append(f"certificate.{key} {update[key]} can't be read")
        return given.model_copy(update=update)

    def _check_address(self, certificate: Certificate) -> None:
        address, port = self.settings.address, self.settings.port
        insecure = certificate.type == "disabled" and not self.settings.allow_insecure
        if insecure and not is_loopback(address):
            self.problems.append(
                f"plain HTTP on {address} would send passwords readable over the network; set "
                "certificate.type (self-signed or existing), or local.allow_insecure: true "
                "behind a proxy that does TLS"
            )
        if problem := port_problem(port, address, self.previous, "local.port"):
            self.problems.append(problem)

    def _ports(self, *, reserved: bool) -> dict[str, int]:
        kept = self.previous.ports if self.previous else {}
        chosen: dict[str, int] = {}
        for name in ("hub", "proxy", "dask", "dask_api"):
            port = kept.get(name)
            if port is None or not _free_or_ours(port, "127.0.0.1", self.previous):
                port = ports.pick([*chosen.values(), self.settings.port], reserved=reserved)
            chosen[name] = port
        return {**kept, **chosen}

    def _url(self, certificate: Certificate) -> str:
        scheme = "http" if certificate.type == "disabled" else "https"
        host = self.settings.address
        if host in ("0.0.0.0", "::"):  # noqa: S104  (a person can't visit "every address")
            host = socket.gethostname()
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.settings.port}"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def port_problem(port: int, address: str, previous: Machine | None, setting: str) -> str | None:
    """Why a deployment can't listen on a port, and which it could; None when it can.

    Args:
        port: the port.
        address: where it would listen.
        previous: the deployment as it is now; what it listens on itself is no obstacle.
        setting: the key of the file that says the port.
    """
    if port < 1024 and os.geteuid() != 0:
        return f"port {port} is below 1024, which only root may use"
    if _free_or_ours(port, address, previous):
        return None
    who = system.describe(system.listener(port))
    other = ports.next_free(port, address)
    hint = f"; {other} is free: set {setting}" if other else ""
    return f"port {port} is taken by {who}{hint}"


def _free_or_ours(port: int, address: str, previous: Machine | None) -> bool:
    if ports.is_free(port, address):
        return True
    return previous is not None and owned.has(previous.directory, system.listener(port))


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def shortages(machine: Machine) -> list[str]:
    """What is short on this machine; a deployment that stands already has its share."""
    if machine.environment("user").exists():
        return []
    problems = []
    existing = next(p for p in (machine.directory, *machine.directory.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < NEEDED_DISK:
        problems.append(f"{existing} has {free / 1024**3:.1f} GB of free disk; 3 GB are needed")
    memory = system.memory()
    if memory < NEEDED_MEMORY:
        problems.append(f"this machine has {memory / 1024**2:.0f} MB of memory; 1 GB is needed")
    if not os.access(existing, os.W_OK | os.X_OK):
        problems.append(f"{_user(os.geteuid())} can't write to {existing}")
    return problems


def resolve(settings: MachineSettings, facts: Path) -> Machine:
    """Decide everything, changing nothing.

    Raises:
        PreflightError: with every problem that was found.
    """
    resolution = Resolution(settings, facts)
    machine = resolution.machine()
    problems = [*resolution.problems, *shortages(machine)]
    if problems:
        raise PreflightError(
            "this machine can't take the deployment:\n"
            + "\n".join(f"  - {problem}" for problem in problems),
            "Nothing was changed. Put these right and deploy again.",
        )
    return machine


def preflight(settings: MachineSettings, facts: Path) -> None:
    """Find everything that stands in the way, changing nothing.

    Raises:
        PreflightError: with every problem that was found.
    """
    resolve(settings, facts)


def apply(settings: MachineSettings, facts: Path, say: Callable[[str], None]) -> Machine:
    """Make the folder of the deployment and write down the facts."""
    machine = resolve(settings, facts)
    machine.save(facts)
    make_folders(machine)
    say(f"folder {machine.directory}")
    for notice in machine.notices:
        say(f"note: {notice}")
    return machine


def make_folders(machine: Machine) -> None:
    """Make what is missing. Modes are set explicitly: a umask must not close the way to homes."""
    public = 0o755 if machine.unix else 0o700
    machine.directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if machine.directory.parent == SERVER_DATA:
        ensure_folder(SERVER_DATA, 0o755)
    ensure_folder(machine.directory, public)
    owned.mark(machine)
    for folder in (machine.envs, machine.homes, machine.shared, machine.run):
        ensure_folder(folder, public)
    for folder in (machine.private, machine.hub, machine.logs, machine.supervisor):
        ensure_folder(folder, 0o700)
    ensure_folder(machine.logs / "servers", 0o700)
    machine.save(machine.directory / KEPT_FACTS)
