"""The settings as the hub reads them: secrets resolved, passwords hashed, pictures embedded.

They lie in `private/settings.json`; `private/applied.json` keeps them as they were given, so that
drift can be told later.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import re
from pathlib import Path
from typing import Any

from qhub.errors import LocalError
from qhub.hub import dask_service, ssh_service
from qhub.hub.conda_store import service
from qhub.local import credentials, monitoring, sandbox
from qhub.local.facts import Machine
from qhub.local.files import secret, write_private
from qhub.local.settings import HubSettings

SERVICES = ("qhub", "culler", dask_service.SERVICE, ssh_service.SERVICE)
"""Services of the hub; each has a token."""

PICTURE_BYTES = 500_000
"""The largest logo or favicon that is taken from a file; each page carries it."""


def resolve(machine: Machine, settings: HubSettings) -> dict[str, Any]:
    """All that comes from outside, read now.

    Raises:
        MissingSecret: a password or client secret is not there.
        LocalError: a picture can't be used.
    """
    known = known_hashes(machine)
    data = settings.model_dump(mode="json")
    for name, user in settings.users.items():
        hashed = credentials.password_hash(
            user.password, machine.deployment, known.get(name), f"password of {name}"
        )
        data["users"][name].pop("password")
        data["users"][name]["password_hash"] = hashed
    for key in ("logo", "favicon"):
        data["theme"][key] = _embedded(machine, f"theme.{key}", data["theme"][key])
    data["authentication"]["config"] = credentials.resolved(
        data["authentication"]["config"], machine.deployment, "authentication"
    )
    data["room_access"] = credentials.resolved(data["room_access"], machine.deployment, "jitsi")
    return data


def write(machine: Machine, resolved: dict[str, Any]) -> None:
    """Write the settings for the hub, with what it needs to know of the machine."""
    content = json.dumps(_with_machine(machine, resolved), indent=1)
    write_private(machine.private / "settings.json", content + "\n")


def remember(machine: Machine, settings: HubSettings) -> None:
    """Keep the settings as they were given."""
    text = settings.model_dump_json(indent=1)
    write_private(machine.private / "applied.json", text + "\n")


def applied(machine: Machine) -> HubSettings | None:
    """The settings as last applied, secrets still as references; None before the first time."""
    try:
        text = (machine.private / "applied.json").read_text(encoding="utf-8")
        return HubSettings.model_validate_json(text)
    except (OSError, ValueError):
        return None


def known_hashes(machine: Machine) -> dict[str, str]:
    """The password hashes in use; empty before the first deploy."""
    try:
        text = (machine.private / "settings.json").read_text(encoding="utf-8")
        users = json.loads(text)["users"]
        return {name: user["password_hash"] for name, user in users.items()}
    except (OSError, ValueError, KeyError):
        return {}


def _with_machine(machine: Machine, data: dict[str, Any]) -> dict[str, Any]:
    private = machine.private
    notice = (
        ""
        if machine.isolation != "none"
        else "People on this hub are not isolated from each other."
    )
    return data | {
        "notice": notice,
        "tokens": {name: secret(private / f"token-{name}") for name in SERVICES}
        | ({monitoring.SERVICE: monitoring.token(machine)} if data["monitoring"] else {})
        | (
            {service.SERVICE: secret(private / f"token-{service.SERVICE}")}
            if data["conda_store"]
            else {}
        ),
        "machine": {
            "directory": str(machine.directory),
            "private": str(private),
            "ports": machine.ports,
            "bind_url": machine.url,
            "proxy_token": secret(private / "token-proxy"),
            "login_token": secret(private / "token-login"),
            "proxy_rules": str(private / "proxy" / "rules.toml"),
            "user_python": str(machine.interpreter("user")),
            "unix": machine.unix,
            "sandbox": sandbox.arguments(machine),
            "conda_store": data["conda_store"],
        },
    }


def _embedded(machine: Machine, what: str, picture: str | None) -> str | None:
    """A picture as the pages take it: an address as it is, a file as a `data:` address."""
    if not picture or re.match(r"https?://|data:", picture):
        return picture
    path = machine.deployment / Path(picture).expanduser()
    kind = mimetypes.guess_type(path.name)[0] or ""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LocalError(f"{what}: {path} can't be read: {error.strerror}") from error
    if not kind.startswith("image/") or len(content) > PICTURE_BYTES:
        raise LocalError(f"{what}: {path} is no picture of at most {PICTURE_BYTES // 1000} kB")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
