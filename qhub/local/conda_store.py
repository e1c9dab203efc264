"""conda-store on this machine: two programs of the supervisor, behind the hub's proxy.

    conda-store/programs         what the two run, readable for all
    conda-store/state            database, queue, logs, lock files, conda's cache: conda-store's own
    conda-store/store/NAMESPACE  builds and their kernels; who sees the namespace may enter

A namespace is everybody's, a group's or a person's; others have no folder, so nothing is built in
them.

Who may build runs commands of their own: packages bring scripts along. So where people are Unix
users, conda-store is one of its own, and where they have sandboxes, it has one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from qhub.hub import headers, namespaces
from qhub.hub.conda_store import rights, service
from qhub.local import (
    access,
    accounts,
    conda_store_environment,
    jupyterhub,
    owned,
    ports,
    sandbox,
    supervisor,
    system,
)
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, secret, write_private
from qhub.local.packages import is_folder
from qhub.local.settings import CondaStoreSettings
from qhub.local.supervisor import Program

Say = Callable[[str], None]
SERVER, WORKER = "conda-store", "conda-store-worker"
PROGRAMS = (SERVER, WORKER)
ACCOUNT = "store"
"""What the Unix user is named after."""
MARK = "QHUB_CONDA_STORE"
"""Set for everything that conda-store starts."""
FILES = (
    *("access.py", "config.py", "kernels.py", "places.py", "rights.py", "server.py", "told.py"),
    *("stores.py", "worker.py"),
)
"""What runs in conda-store's own environment."""
_NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
)
"""Settings of who deploys that builds need as well; but for those that hold a password."""


def apply(
    machine: Machine, settings: CondaStoreSettings, code: Path, requirements: Path, say: Say
) -> None:
    """Make conda-store agree with the settings and wait until it answers through the proxy.

    Raises:
        LocalError: it can't be installed, doesn't start or doesn't answer.
    """
    conda_store_environment.apply(machine, settings.channels, requirements, say)
    owner = accounts.ensure_service(machine, ACCOUNT) if machine.unix else None
    if not machine.unix:
        accounts.remove_service(machine, ACCOUNT)
    _prepare(machine, owner)
    _open_namespaces(machine, settings, owner)
    for name in FILES:
        text = (code / "conda_store" / name).read_text(encoding="utf-8")
        write_private(_programs(machine) / name, text, mode=0o644)
    _write_settings(machine, settings, owner)
    write_private(_route(machine), json.dumps(_rule(port(machine) or 0), indent=1) + "\n")
    say("starting conda-store")
    supervisor.install(machine, programs(machine))
    wait_healthy(machine)
    say(f"conda-store answers on {machine.url}{service.PREFIX}/")


def _top(machine: Machine) -> Path:
    return machine.directory / "conda-store"


def _programs(machine: Machine) -> Path:
    return _top(machine) / "programs"


def _state(machine: Machine) -> Path:
    return _top(machine) / "state"


def _settings_file(machine: Machine) -> Path:
    """What conda-store itself reads."""
    return _top(machine) / "settings.json"


def _start_file(machine: Machine) -> Path:
    """What is read before it becomes a user of its own: as that user nobody can change it."""
    return machine.private / "conda-store.json"


def _route(machine: Machine) -> Path:
    return machine.private / "proxy" / "conda-store.yaml"


def _prepare(machine: Machine, owner: tuple[int, int] | None) -> None:
    """The folders. What is changed here as root lies in none of those that are conda-store's."""
    public = 0o711 if machine.unix else 0o700
    for folder in (_top(machine), namespaces.store(machine.directory)):
        ensure_folder(folder, public)
    ensure_folder(_programs(machine), 0o755 if machine.unix else 0o700)
    _give(ensure_folder(_state(machine), 0o700), owner)


def _give(folder: Path, owner: tuple[int, int] | None) -> None:
    """Put what conda-store made, maybe as another user, into the hands of who it is now."""
    uid, gid = owner or (os.geteuid(), os.getegid())
    if folder.stat().st_uid != uid:
        accounts.give(folder, uid, gid)


def _open_namespaces(
    machine: Machine, settings: CondaStoreSettings, owner: tuple[int, int] | None
) -> None:
    """Let into each namespace who sees it, and nobody into what is no longer anybody's."""
    everybodys = settings.default_namespace
    for folder in namespaces.store(machine.directory).iterdir():
        if machine.unix and folder.is_dir() and folder.name not in _known(settings):
            access.guard(folder, [])
    for name in _known(settings):
        folder = namespaces.folder(machine.directory, name)
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, owner)
        if owner is None:
            continue
        if name == everybodys:
            access.guard(folder, None)
        elif name in settings.groups:
            access.guard(folder, [settings.groups[name].gid])
        else:
            access.guard_for(folder, settings.users[name].uid)


def _known(settings: CondaStoreSettings) -> list[str]:
    return namespaces.known(settings.users, settings.groups, settings.default_namespace)


def _write_settings(
    machine: Machine, settings: CondaStoreSettings, owner: tuple[int, int] | None
) -> None:
    uid, gid = owner or (None, None)
    state = json.dumps(_of_conda_store(machine, settings), indent=1) + "\n"
    write_private(_settings_file(machine), state, uid=os.geteuid() if uid is None else uid)
    start = {
        "port": _choose_port(machine),
        "uid": uid,
        "gid": gid,
        "environment": _environment(machine),
        "folders": [str(_state(machine) / name) for name in ("home", "tmp", "data/conda-store")],
        "programs": {name: _command(machine, name) for name in ("server", "worker")},
    }
    write_private(_start_file(machine), json.dumps(start, indent=1) + "\n")


def _of_conda_store(machine: Machine, settings: CondaStoreSettings) -> dict[str, Any]:
    everybodys, groups = settings.default_namespace, [*settings.groups]
    people = {
        name: rights.of_person(name, user.groups, groups, everybodys, user.admin)
        for name, user in settings.users.items()
    }
    return {
        "store": str(namespaces.store(machine.directory)),
        "state": str(_state(machine)),
        # It fetches packages over the network alone.
        "channels": [name for name in settings.channels if not is_folder(name)],
        "default_namespace": everybodys,
        "namespaces": _known(settings),
        "max_workers": settings.max_workers,
        "people": people,
        "secret": secret(machine.private / "token-conda-store-sessions", size=64),
        "hub": {
            "api": f"http://127.0.0.1:{machine.ports['hub']}/hub/api",
            "client_id": service.client_id(),
            "token": secret(machine.private / f"token-{service.SERVICE}"),
            "callback": service.CALLBACK,
            "scope": service.ACCESS,
        },
    }


def _environment(machine: Machine) -> dict[str, str]:
    """All that conda-store inherits."""
    state, prefix = _state(machine), machine.environment(conda_store_environment.NAME)
    network = {
        name: os.environ[name]
        for name in _NETWORK
        if name in os.environ and "@" not in os.environ[name]
    }
    return network | {
        "LANG": "C.UTF-8",
        "PATH": f"{prefix / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(state / "home"),
        "TMPDIR": str(state / "tmp"),
        "XDG_DATA_HOME": str(state / "data"),
        "CONDA_PKGS_DIRS": str(state / "packages"),
        "CONDA_REGISTER_ENVS": "false",
        "QHUB_SETTINGS": str(_settings_file(machine)),
        "PYTHONDONTWRITEBYTECODE": "1",
        MARK: "1",
    }


def _command(machine: Machine, program: str) -> list[str]:
    prefix = machine.environment(conda_store_environment.NAME)
    script = _programs(machine) / f"{program}.py"
    command = [str(prefix / "run"), str(prefix / "bin" / "python"), str(script)]
    box = sandbox.arguments(machine)
    if not box:
        return command
    top, state = str(_top(machine)), _state(machine)
    return [
        *(box[0], "--die-with-parent", "--bind", str(state / "tmp"), "/tmp"),  # noqa: S108
        *(*box[1:], "--bind", top, top, "--chdir", str(state / "home"), "--", *command),
    ]


def port(machine: Machine) -> int | None:
    """The port of the server as last applied."""
    try:
        return int(json.loads(_start_file(machine).read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError):
        return None


def _choose_port(machine: Machine) -> int:
    kept = port(machine)
    if kept and (ports.is_free(kept) or owned.has(machine.directory, system.listener(kept))):
        return kept
    return ports.pick([*machine.ports.values(), machine.port], reserved=machine.unix)


def _rule(port: int) -> dict[str, Any]:
    """A rule of the hub's proxy (JSON is YAML)."""
    name = service.SERVICE
    router = {
        "rule": f"Path(`{service.PREFIX}`) || PathPrefix(`{service.PREFIX}/`)",
        "priority": 1_000_000,
        "entryPoints": ["http"],
        "middlewares": [name],
        "service": name,
    }
    policy = {"Content-Security-Policy": headers.page_policy({})}
    servers = [{"url": f"http://127.0.0.1:{port}"}]
    return {
        "http": {
            "routers": {name: router},
            "middlewares": {name: {"headers": {"customResponseHeaders": policy}}},
            "services": {name: {"loadBalancer": {"servers": servers}}},
        }
    }


def read_by(machine: Machine) -> list[Path]:
    """The files that the programs read when they start; they are started anew when one changes."""
    code = [_programs(machine) / name for name in FILES]
    start = machine.hub / jupyterhub.PACKAGE / "conda_store" / "start.py"
    return [_settings_file(machine), _start_file(machine), start, *code]


def edited(machine: Machine) -> str | None:
    """What else conda-store needs and is gone."""
    return None if _route(machine).is_file() else "the way to conda-store is gone"


def programs(machine: Machine) -> list[Program]:
    """What the supervisor is to keep running."""
    revision = jupyterhub.digest(read_by(machine))
    module = f"{jupyterhub.PACKAGE}.conda_store.start"
    told = {"QHUB_SETTINGS": str(_start_file(machine)), "PYTHONPATH": str(machine.hub)}
    return [
        Program(
            name,
            [machine.interpreter("hub"), "-m", module, program],
            environment=told,
            priority=priority,
            revision=revision,
            stop_seconds=5,
        )
        for name, program, priority in ((SERVER, "server", 50), (WORKER, "worker", 60))
    ]


def answers(machine: Machine) -> bool:
    """Whether conda-store answers through the hub's proxy."""
    return jupyterhub.answers(machine, service.HEALTH)


def wait_healthy(machine: Machine) -> None:
    """Wait until conda-store answers through the hub's proxy.

    Raises:
        LocalError: it doesn't, or it keeps dying; with the end of its log.
    """
    jupyterhub.wait_for(machine, SERVER, answers, f"conda-store doesn't answer on {machine.url}")


def _processes(machine: Machine) -> Iterator[system.Process]:
    for process in owned.processes(machine):
        if MARK in system.environment(process):
            yield process


def remove(machine: Machine, say: Say) -> None:
    """End conda-store; what people built stays, closed to all. Fine when there is none."""
    if not owned.is_ours(machine) or not _top(machine).is_dir():
        return
    say("stopping conda-store")
    supervisor.uninstall(machine, PROGRAMS)
    system.end(partial(_processes, machine))  # what a build had started
    accounts.remove_service(machine, ACCOUNT)
    for file in (_route(machine), _start_file(machine)):
        file.unlink(missing_ok=True)
    ensure_folder(_top(machine), 0o700)
    conda_store_environment.remove(machine)
