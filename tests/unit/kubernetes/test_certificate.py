"""Whether a certificate does for a name, told of real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qhub.kubernetes.acme import shortened
from qhub.kubernetes.certificate import Certificate, pair_obstacle

x509 = pytest.importorskip("cryptography.x509")


def made(*names: str, begins: int = -1, ends: int = 90) -> tuple[bytes, bytes]:
    """A certificate for these names and its key, valid between these days from now."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "R11")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
    )
    if names:
        listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(listed, False)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), secret


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("hub.example.org", True),
        ("HUB.example.org", True),
        ("*.example.org", True),
        ("*.org", False),
        ("example.org", False),
        ("lab.hub.example.org", False),
        ("*.hub.example.org", False),
    ],
)
def test_names_that_it_covers(name: str, covered: bool) -> None:
    assert Certificate.read(made(name)[0]).covers("hub.example.org") is covered


def test_a_good_pair() -> None:
    certificate, key = made("hub.example.org")
    assert pair_obstacle(certificate, key, "hub.example.org") is None
    assert Certificate.read(certificate).issuer == "R11"


def test_a_chain_is_taken_by_its_first() -> None:
    certificate, key = made("hub.example.org")
    assert pair_obstacle(certificate + made("ca.example.org")[0], key, "hub.example.org") is None


@pytest.mark.parametrize(
    ("names", "days", "message"),
    [
        (["other.example.org"], (-1, 90), "is for other.example.org, not for hub.example.org"),
        ([], (-1, 90), "is for no name"),
        (["hub.example.org"], (-90, -1), "ran out on"),
        (["hub.example.org"], (1, 90), "is not valid before"),
    ],
)
def test_pairs_that_do_not_serve(names: list[str], days: tuple[int, int], message: str) -> None:
    certificate, key = made(*names, begins=days[0], ends=days[1])
    assert message in (pair_obstacle(certificate, key, "hub.example.org") or "")


def test_another_s_key() -> None:
    certificate, _ = made("hub.example.org")
    for key in (made("hub.example.org")[1], b"no key"):
        assert pair_obstacle(certificate, key, "hub.example.org") == "does not belong to the key"


def test_what_is_no_certificate() -> None:
    assert pair_obstacle(b"no", b"no", "hub.example.org") == "is not a certificate in PEM"


def test_the_reason_of_an_issuer_is_told_without_what_led_to_it() -> None:
    said = (
        "unable to generate a certificate for the domains [hub.example.org]: error: one or more"
        r" domains had a problem:\n[hub.example.org] acme: error: 400 ::"
        " urn:ietf:params:acme:error:dns :: DNS problem: NXDOMAIN looking up A"
    )
    assert shortened(said) == "DNS problem: NXDOMAIN looking up A"
