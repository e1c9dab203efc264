"""A certificate, and whether it does for a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Certificate:
    """What of a certificate matters to those who are shown it.

    Args:
        names: The host names that it is for.
        issuer: Who gave it.
        since: Valid from then on.
        until: Valid until then.
        key: Its public key.
    """

    names: tuple[str, ...]
    issuer: str
    since: datetime
    until: datetime
    key: bytes

    @classmethod
    def read(cls, data: bytes) -> Certificate:
        """The first one in a PEM file, or the one in DER.

        Raises:
            ValueError: It is neither.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.x509.oid import NameOID

        pem = b"-----BEGIN" in data
        found = (
            x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
        )
        try:
            extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = tuple(extension.value.get_values_for_type(x509.DNSName))
        except x509.ExtensionNotFound:
            names = ()
        organisation = found.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        common = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        issuer = " ".join(str(part.value) for part in [*organisation, *common])
        key = found.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(names, issuer, found.not_valid_before_utc, found.not_valid_after_utc, key)

    def covers(self, domain: str) -> bool:
        """Whether it is for that name; `*` stands for one part of it."""
        wildcard = f"*.{domain.partition('.')[2]}"
        return any(name.lower() in (domain, wildcard) for name in self.names)

    def obstacle(self, domain: str) -> str | None:
        """What keeps browsers from taking it for that name, whoever gave it; None: nothing."""
        now = datetime.now(UTC)
        if not self.covers(domain):
            return f"is for {', '.join(self.names) or 'no name'}, not for {domain}"
        if now > self.until:
            return f"ran out on {self.until:%Y-%m-%d}"
        if now < self.since:
            return f"is not valid before {self.since:%Y-%m-%d %H:%M} UTC"
        return None

    def belongs_to(self, key: bytes) -> bool:
        """Whether a private key in a PEM file is its own."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        try:
            private = serialization.load_pem_private_key(key, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return False
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public == self.key


def pair_obstacle(certificate: bytes, key: bytes, domain: str) -> str | None:
    """What keeps a certificate and its key, both PEM, from serving a name; None: nothing."""
    try:
        found = Certificate.read(certificate)
    except ValueError:
        return "is not a certificate in PEM"
    if not found.belongs_to(key):
        return "does not belong to the key"
    return found.obstacle(domain)
