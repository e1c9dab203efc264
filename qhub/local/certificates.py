"""The certificate of the hub's address: one's own, or one that is made here and signs itself."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from qhub.errors import LocalError
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private


def files(machine: Machine) -> tuple[Path, Path]:
    """Certificate and key that the proxy uses."""
    given = machine.certificate
    if given.type == "existing" and given.certificate_file and given.key_file:
        return given.certificate_file, given.key_file
    return machine.private / "tls" / "certificate.pem", machine.private / "tls" / "key.pem"


def ensure(machine: Machine, script: Path, say: Callable[[str], None]) -> None:
    """Make the self-signed certificate once, and again when the address changed."""
    if machine.certificate.type != "self-signed":
        return
    certificate, key = files(machine)
    names = [machine.address, socket.gethostname(), "localhost", "127.0.0.1"]
    names = [name for name in dict.fromkeys(names) if name not in ("0.0.0.0", "::")]  # noqa: S104
    ensure_folder(certificate.parent, 0o700)
    listed = certificate.with_name("names.json")
    if listed.is_file() and json.loads(listed.read_text(encoding="utf-8")) == names:
        return
    say("making a self-signed certificate")
    done = subprocess.run(
        [machine.interpreter("hub"), "-I", script, certificate, key, *names],
        capture_output=True,
        text=True,
        umask=0o077,
    )
    if done.returncode != 0:
        raise LocalError(f"the certificate could not be made: {done.stderr.strip()[-300:]}")
    write_private(listed, json.dumps(names) + "\n")
