"""Passwords: made at random, stored as argon2id hashes."""

from __future__ import annotations

import secrets

# No letters and digits that look alike.
_LETTERS = "abcdefghijkmnpqrstuvwxyz"
_DIGITS = "23456789"


def random_password() -> str:
    """Four groups of four letters and digits, about 80 bits: `k3vq-…`."""
    groups = ["".join(secrets.choice(_LETTERS + _DIGITS) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)


def hash_password(password: str) -> str:
    """The argon2id hash of `password`, as `security.users.NAME.password` takes it."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)
