"""Secrets of the settings, resolved while deploying; passwords are only ever kept as hashes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qhub.errors import MissingSecret
from qhub.local.settings import FromEnvironment, FromFile, Hash, Password, Reference


def resolve(reference: Reference, folder: Path, what: str) -> str:
    """The secret that a reference names.

    Args:
        reference: environment variable or file.
        folder: what a relative file is relative to.
        what: whose secret it is, for the message.

    Raises:
        MissingSecret: it isn't there, or is empty.
    """
    if isinstance(reference, FromEnvironment):
        value = os.environ.get(reference.env, "")
        if not value:
            raise MissingSecret(
                f"{what}: the environment variable {reference.env} is not set",
                f"Set it: export {reference.env}=…",
            )
        return value
    path = folder / reference.file.expanduser()
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise MissingSecret(f"{what}: {path} can't be read: {reason}") from error
    if not value:
        raise MissingSecret(f"{what}: {path} is empty")
    return value


def matches(secret: str, hashed: str) -> bool:
    """Whether a password gives this argon2 hash."""
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(hashed, secret)
    except (Argon2Error, InvalidHashError):
        return False


def password_hash(password: Password | None, folder: Path, known: str | None, what: str) -> str:
    """The hash to keep for a person; the `known` one as long as the secret is the same.

    Empty for a person without a password, who then can't log in with one.
    """
    if password is None:
        return ""
    if isinstance(password, Hash):
        return password.hash
    secret = resolve(password, folder, what)
    if known and matches(secret, known):
        return known
    from argon2 import PasswordHasher

    return PasswordHasher().hash(secret)


def resolved(value: Any, folder: Path, what: str) -> Any:
    """A tree of settings with every `{env: …}` and `{file: …}` in it replaced by its secret."""
    if isinstance(value, dict):
        if value.keys() == {"env"}:
            return resolve(FromEnvironment(**value), folder, what)
        if value.keys() == {"file"}:
            return resolve(FromFile(**value), folder, what)
        return {key: resolved(item, folder, f"{what}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, folder, what) for item in value]
    return value
