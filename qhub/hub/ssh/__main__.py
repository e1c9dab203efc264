"""The SSH service: `python -m PACKAGE.ssh`; its settings lie in `QHUB_SETTINGS`."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
from pathlib import Path
from typing import Any

import asyncssh

from .backend import Servers
from .server import Service


def ensure_host_key(file: Path) -> None:
    """Make the host key once; with it lies its public part."""
    if file.exists():
        return
    key = asyncssh.generate_private_key("ssh-ed25519", comment="qhub")
    public, draft = file.with_suffix(".pub"), file.with_suffix(".new")
    public.write_bytes(key.export_public_key())
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as secret:
        secret.write(key.export_private_key())
    draft.replace(file)


def servers(settings: dict[str, Any]) -> Servers:
    """What people's servers are made of, by what the settings know."""
    if "cluster" in settings:
        from .pod import PodServers

        return PodServers(settings["cluster"])
    from .local import LocalServers

    return LocalServers(settings["machine"])


async def main() -> None:
    """Serve until told to end."""
    settings = json.loads(Path(os.environ["QHUB_SETTINGS"]).read_text(encoding="utf-8"))
    if "token_file" in settings["hub"]:
        token = Path(settings["hub"]["token_file"]).read_text(encoding="ascii")
        settings["hub"]["token"] = token.strip()
    ensure_host_key(Path(settings["host_key"]))
    serving = asyncio.create_task(Service(settings, servers(settings)).serve())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("ssh").setLevel(logging.INFO)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main())
