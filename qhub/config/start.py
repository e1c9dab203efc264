"""A first configuration: filled in from a few answers, checked, written without overwriting."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qhub.config.check import parse
from qhub.config.files import replace_file, write_secret
from qhub.config.nearest import did_you_mean
from qhub.config.passwords import hash_password, random_password
from qhub.config.providers import BLOCKS
from qhub.config.scaffold import FIRST_ID, SCHEMA_FILE, Answers, Numbers, scaffold
from qhub.config.schema import schema_text
from qhub.config.security import LARGEST_ID
from qhub.errors import ConfigError, UsageError

_FIRST_PORT, _LAST_PORT = 8000, 8099


@dataclass(frozen=True)
class Start:
    """A configuration that is about to be written; `password` is in it as a hash only."""

    text: str
    answers: Answers
    password: str | None
    notices: tuple[str, ...] = ()


def needed(provider: str) -> list[str]:
    """The answers that a provider can't do without, as field names of `Answers`."""
    names = [] if provider == "local" else ["domain"]
    return names + (["cloud_project"] if provider == "gcp" else [])


def known_provider(name: str) -> str:
    """`name`, if it is a provider. Raises UsageError."""
    if name in BLOCKS:
        return name
    allowed = ", ".join(BLOCKS)
    raise UsageError(f"there is no provider `{name}`{did_you_mean(name, BLOCKS)}", allowed)


def start(answers: Answers) -> Start:
    """Fills in what is left open (password, port, postfix) and checks the outcome.

    Raises UsageError that says which of the answers can't be.
    """
    _fits(answers)
    notices: tuple[str, ...] = ()
    password = random_password() if answers.auth == "password" else None
    if password:
        answers = replace(answers, password_hash=hash_password(password))
    if answers.acme_email and not answers.certificate:
        answers = replace(answers, certificate="lets-encrypt")
    if answers.provider == "azure" and not answers.postfix:
        answers = replace(answers, postfix=secrets.token_hex(3))
    if answers.provider == "local":
        answers, notices = _reachable(replace(answers, numbers=_free_numbers(answers.admin)))
    text = scaffold(answers)
    try:
        parse(text)
    except ConfigError as error:
        said = "; ".join(problem.message for problem in error.problems)
        raise UsageError(said, error.problems[0].hint) from None
    return Start(text, answers, password, notices)


_ONLY_FOR = {
    "region": ("aws", "gcp", "azure", "do"),
    "kubernetes_version": ("aws", "gcp", "azure", "do"),
    "kube_context": ("existing",),
    "cloud_project": ("gcp",),
    "port": ("local",),
    "address": ("local",),
}


def _fits(answers: Answers) -> None:
    known_provider(answers.provider)
    for name, providers in _ONLY_FOR.items():
        if getattr(answers, name) is not None and answers.provider not in providers:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} means nothing to the provider `{answers.provider}`")
    missing = [name for name in needed(answers.provider) if getattr(answers, name) is None]
    if missing:
        flags = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise UsageError(f"`qhub init {answers.provider}` needs {flags}")
    if answers.auth not in ("password", "GitHub", "Auth0"):
        near = did_you_mean(answers.auth, ("password", "GitHub", "Auth0"))
        raise UsageError(f"--auth can't be `{answers.auth}`{near}", "password, GitHub or Auth0")
    if answers.certificate == "existing":
        raise UsageError(
            "an existing certificate is named in the file", "set `certificate` in it afterwards"
        )


def _reachable(answers: Answers) -> tuple[Answers, tuple[str, ...]]:
    """A free port, and encryption where others can listen in."""
    notices = []
    address = answers.address or "127.0.0.1"
    if answers.port is None:
        port = _free_port(address)
        answers = replace(answers, port=port)
        if port != _FIRST_PORT:
            notices.append(f"port {_FIRST_PORT} is taken, so it is {port}")
    loopback = address.startswith("127.") or address == "::1"
    if not loopback and answers.certificate is None:
        answers = replace(answers, certificate="self-signed")
        notices.append("other machines can reach this address, so the certificate is self-signed")
    return answers, tuple(notices)


def _free_numbers(admin: str) -> Numbers:
    import grp
    import pwd

    users = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    groups = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    return numbers(admin, users, groups)


def numbers(admin: str, users: Mapping[str, int], groups: Mapping[str, int]) -> Numbers:
    """Uid and gids that nobody else has on a machine with these users and groups.

    The same people and groups of another deployment there keep the numbers that they have.
    """
    taken = {*users.values(), *groups.values()}
    first = next(n for n in range(FIRST_ID, LARGEST_ID, 100) if not {n, n + 1} & taken)
    return Numbers(
        users.get(f"qhub-{admin}", first + 1),
        groups.get("qhub-admin", first),
        groups.get("qhub-users", first + 1),
    )


def _free_port(address: str) -> int:
    """The first port that nothing listens on; the first of all where that can't be found out."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in range(_FIRST_PORT, _LAST_PORT + 1):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
            return port
    return _FIRST_PORT


def refuse_existing(path: Path) -> None:
    """Raises UsageError if there is something at `path` already."""
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already", "--force overwrites it, -c FILE names another")


def write(made: Start, path: Path, password_file: Path | None = None) -> list[Path]:
    """Writes the configuration, the schema for editors, and the password if asked to.

    Whatever is there is replaced, in one step each. Returns what was written.
    """
    schema = path.parent / SCHEMA_FILE
    if password_file and made.password:
        write_secret(password_file, made.password)
    replace_file(schema, schema_text(), 0o644)
    # 0600: password hashes are worth guessing at for whoever can read them.
    replace_file(path, made.text, 0o600)
    return [path, schema, *([password_file] if password_file and made.password else [])]
