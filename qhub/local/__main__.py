"""`qhub-local`: what the Terraform modules of the local target call; not meant for people.

Lines on stdout are progress. A failure exits with 1; the last lines on stderr are the message and
what to do about it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qhub.errors import LocalError, QhubError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from qhub.local.facts import Machine

SettingsT = TypeVar("SettingsT", bound="BaseModel")


def _say(line: str) -> None:
    print(line, flush=True)


def _settings(model: type[SettingsT], path: Path) -> SettingsT:
    from pydantic import ValidationError

    try:
        return model.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = str(error) if isinstance(error, ValidationError) else f"{path}: {error}"
        raise LocalError(f"the settings can't be used: {reason}") from error


def _machine(facts: Path) -> Machine:
    from qhub.local.facts import Machine

    machine = Machine.load(facts)
    if machine is None:
        raise LocalError(f"{facts} is missing", "Apply 02-infrastructure first.")
    return machine


def _machine_apply(options: argparse.Namespace) -> None:
    from qhub.local import machine
    from qhub.local.settings import MachineSettings

    machine.apply(_settings(MachineSettings, options.settings), options.facts, _say)


def _machine_remove(options: argparse.Namespace) -> None:
    from qhub.local import removal

    removal.remove(options.facts, keep_data=_keep_data(), say=_say)


def _environment_apply(options: argparse.Namespace) -> None:
    from qhub.local import environment

    environment.apply(_machine(options.facts), options.name, options.requirements, _say)


def _supervisor_apply(options: argparse.Namespace) -> None:
    from qhub.local import supervisor

    supervisor.apply(_machine(options.facts), _say)


def _jupyterhub_apply(options: argparse.Namespace) -> None:
    from qhub.local import jupyterhub
    from qhub.local.settings import HubSettings

    settings = _settings(HubSettings, options.settings)
    jupyterhub.apply(_machine(options.facts), settings, options.hub, _say)


def _jupyterhub_remove(options: argparse.Namespace) -> None:
    from qhub.local import jupyterhub, owned

    machine = owned.claim(options.facts)
    if machine is not None:
        jupyterhub.remove(machine, _say)


def _kernel_apply(options: argparse.Namespace) -> None:
    from qhub.local import kernels
    from qhub.local.settings import EnvironmentsSettings

    settings = _settings(EnvironmentsSettings, options.settings)
    kernels.apply(_machine(options.facts), options.name, settings, _say)


def _kernel_remove(options: argparse.Namespace) -> None:
    from qhub.local import kernels, owned

    machine = owned.claim(options.facts)
    if machine is not None and owned.is_ours(machine):
        kernels.remove(machine, options.name, _say)


def _dask_gateway_apply(options: argparse.Namespace) -> None:
    from qhub.local import dask_gateway
    from qhub.local.settings import DaskGatewaySettings

    settings = _settings(DaskGatewaySettings, options.settings)
    dask_gateway.apply(_machine(options.facts), settings, options.hub, _say)


def _dask_gateway_remove(options: argparse.Namespace) -> None:
    from qhub.local import dask_gateway, owned

    machine = owned.claim(options.facts)
    if machine is not None:
        dask_gateway.remove(machine, _say)


def _conda_store_apply(options: argparse.Namespace) -> None:
    from qhub.local import conda_store
    from qhub.local.settings import CondaStoreSettings

    settings = _settings(CondaStoreSettings, options.settings)
    machine = _machine(options.facts)
    conda_store.apply(machine, settings, options.hub, options.requirements, _say)


def _conda_store_remove(options: argparse.Namespace) -> None:
    from qhub.local import conda_store, owned

    machine = owned.claim(options.facts)
    if machine is not None:
        conda_store.remove(machine, _say)


def _kubessh_apply(options: argparse.Namespace) -> None:
    from qhub.local import kubessh
    from qhub.local.settings import SshSettings

    settings = _settings(SshSettings, options.settings)
    kubessh.apply(_machine(options.facts), settings, options.hub, _say)


def _kubessh_remove(options: argparse.Namespace) -> None:
    from qhub.local import kubessh, owned

    machine = owned.claim(options.facts)
    if machine is not None:
        kubessh.remove(machine, _say)


def _jitsi_apply(options: argparse.Namespace) -> None:
    from qhub.local import jitsi
    from qhub.local.settings import JitsiSettings

    settings = _settings(JitsiSettings, options.settings)
    jitsi.apply(_machine(options.facts), settings, options.panel, _say)


def _jitsi_remove(options: argparse.Namespace) -> None:
    from qhub.local import jitsi, owned

    machine = owned.claim(options.facts)
    if machine is not None and owned.is_ours(machine):
        jitsi.remove(machine, _say)


def _keep_data() -> bool:
    return os.environ.get("QHUB_KEEP_DATA", "") not in ("", "0")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qhub-local", description=__doc__)
    things = parser.add_subparsers(required=True, metavar="THING")

    def add(
        thing: argparse._SubParsersAction[argparse.ArgumentParser],
        verb: str,
        run: Callable[[argparse.Namespace], None],
        *needed: str,
    ) -> argparse.ArgumentParser:
        command = thing.add_parser(verb)
        command.set_defaults(run=run)
        for flag in (*needed, "--facts"):
            command.add_argument(flag, type=Path, required=True)
        return command

    def verbs(name: str) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        return things.add_parser(name).add_subparsers(required=True, metavar="VERB")

    machine, hub, dask = verbs("machine"), verbs("jupyterhub"), verbs("dask-gateway")
    add(machine, "apply", _machine_apply, "--settings")
    add(machine, "remove", _machine_remove)
    add(verbs("environment"), "apply", _environment_apply, "--requirements").add_argument(
        "name", choices=("hub", "user")
    )
    kernel = verbs("kernel")
    add(kernel, "apply", _kernel_apply, "--settings").add_argument("name")
    add(kernel, "remove", _kernel_remove).add_argument("name")
    add(verbs("supervisor"), "apply", _supervisor_apply)
    add(hub, "apply", _jupyterhub_apply, "--settings", "--hub")
    add(hub, "remove", _jupyterhub_remove)
    add(dask, "apply", _dask_gateway_apply, "--settings", "--hub")
    add(dask, "remove", _dask_gateway_remove)
    store = verbs("conda-store")
    add(store, "apply", _conda_store_apply, "--settings", "--hub", "--requirements")
    add(store, "remove", _conda_store_remove)
    ssh = verbs("kubessh")
    add(ssh, "apply", _kubessh_apply, "--settings", "--hub")
    add(ssh, "remove", _kubessh_remove)
    jitsi = verbs("jitsi")
    add(jitsi, "apply", _jitsi_apply, "--settings", "--panel")
    add(jitsi, "remove", _jitsi_remove)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(os.umask(0o077) | 0o022)
    try:
        options.run(options)
    except QhubError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
