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


def hashed(password: str, salt: str) -> str:
    """The argon2id hash of a password that is kept elsewhere: always the same for the same salt.

    Args:
        password: The password.
        salt: Different for each person of each deployment; need not be secret.
    """
    from hashlib import sha256

    from argon2 import PasswordHasher

    return PasswordHasher().hash(password, salt=sha256(salt.encode()).digest()[:16])
