"""Whether a certificate does for a name, told of real ones."""

from __future__ import annotations

import pytest

from qhub.kubernetes.acme import shortened
from qhub.kubernetes.certificate import Certificate, pair_obstacle
from tests.certificates import made


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
