"""A domain's record at both providers: the same calls, the same outcome."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from qhub.config.services import Dns
from qhub.dns import Record, Zone, publish, withdraw, zone_of
from qhub.errors import DnsError, MissingSecret
from tests.cloudflare import Cloudflare, serving

DOMAIN = "hub.science.example.org"
CLOUDFLARE = Dns.model_validate(
    {"provider": "cloudflare", "credentials": {"api_token": {"env": "ZONE_TOKEN"}}}
)
ROUTE53 = Dns.model_validate(
    {
        "provider": "route53",
        "credentials": {
            "access_key_id": {"env": "ZONE_KEY_ID"},
            "secret_access_key": {"env": "ZONE_KEY"},
        },
    }
)


@pytest.fixture
def cloudflare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloudflare]:
    with serving("science.example.org", monkeypatch) as server:
        yield server


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ZONE_KEY_ID", "ZONE_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("route53", region_name="us-east-1")
        for private in (True, False):
            client.create_hosted_zone(
                Name="science.example.org",
                CallerReference=str(private),
                HostedZoneConfig={"PrivateZone": private, "Comment": ""},
                **({"VPC": {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}} if private else {}),
            )
        yield


@pytest.fixture(params=[CLOUDFLARE, ROUTE53], ids=["cloudflare", "route53"])
def zone(request: pytest.FixtureRequest) -> Zone:
    request.getfixturevalue("cloudflare" if request.param is CLOUDFLARE else "amazon")
    return zone_of(request.param, DOMAIN)


def test_a_record_comes_moves_and_goes(zone: Zone) -> None:
    first = Record(DOMAIN, "A", ("192.0.2.1",))
    assert publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev") == [first]
    assert publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev") == []
    assert zone.read(DOMAIN) == [first]
    both = publish(zone, DOMAIN, ["192.0.2.3", "192.0.2.2", "2001:db8::1"], "demo-dev")
    assert both == [
        Record(DOMAIN, "A", ("192.0.2.2", "192.0.2.3")),
        Record(DOMAIN, "AAAA", ("2001:db8::1",)),
    ]
    assert sorted(zone.read(DOMAIN), key=str) == both
    assert withdraw(zone, DOMAIN, "demo-dev") == both
    assert zone.read(DOMAIN) == zone.read(f"_qhub.{DOMAIN}") == []
    assert withdraw(zone, DOMAIN, "demo-dev") == []


def test_an_address_becomes_a_name_and_back(zone: Zone) -> None:
    name = "a1b2.elb.example.com"
    publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev")
    publish(zone, DOMAIN, [name], "demo-dev")
    assert zone.read(DOMAIN) == [Record(DOMAIN, "CNAME", (name,))]
    publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev")
    assert zone.read(DOMAIN) == [Record(DOMAIN, "A", ("192.0.2.1",))]


def test_what_somebody_else_made_is_left_alone(zone: Zone) -> None:
    theirs = Record(DOMAIN, "A", ("198.51.100.7",))
    zone.write(theirs)
    with pytest.raises(DnsError, match=r"did not make: .* A 198\.51\.100\.7") as caught:
        publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev")
    assert "A 192.0.2.1" in (caught.value.hint or "")
    assert publish(zone, DOMAIN, ["198.51.100.7"], "demo-dev") == []
    assert withdraw(zone, DOMAIN, "demo-dev") == []
    assert zone.read(DOMAIN) == [theirs]


def test_another_deployment_does_not_take_a_domain_over(zone: Zone) -> None:
    publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev")
    with pytest.raises(DnsError, match="did not make"):
        publish(zone, DOMAIN, ["192.0.2.2"], "demo-prod")
    assert withdraw(zone, DOMAIN, "demo-prod") == []
    assert zone.read(DOMAIN) == [Record(DOMAIN, "A", ("192.0.2.1",))]


def test_names_beside_it_stay(zone: Zone) -> None:
    beside = [
        Record("science.example.org", "A", ("198.51.100.1",)),
        Record(f"a.{DOMAIN}", "A", ("198.51.100.2",)),
        Record(DOMAIN, "TXT", ("somebody's",)),
    ]
    for record in beside:
        zone.write(record)
    publish(zone, DOMAIN, ["192.0.2.1"], "demo-dev")
    withdraw(zone, DOMAIN, "demo-dev")
    for record in beside:
        assert record in zone.read(record.name)


@pytest.mark.parametrize("dns", [CLOUDFLARE, ROUTE53], ids=["cloudflare", "route53"])
@pytest.mark.usefixtures("cloudflare", "amazon")
def test_a_zone_that_is_not_there_is_said(dns: Dns) -> None:
    with pytest.raises(DnsError, match=r"no .*zone of hub\.elsewhere\.org"):
        zone_of(dns, "hub.elsewhere.org")


@pytest.mark.usefixtures("cloudflare")
def test_a_wrong_token_is_said_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZONE_TOKEN", "wrong-0815")
    with pytest.raises(DnsError, match=r"refuses: Invalid access token \(9109\)") as caught:
        zone_of(CLOUDFLARE, DOMAIN)
    assert "0815" not in str(caught.value)


@pytest.mark.parametrize("dns", [CLOUDFLARE, ROUTE53], ids=["cloudflare", "route53"])
def test_a_network_that_is_down_is_said(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_BASE_URL", "AWS_ENDPOINT_URL_ROUTE_53"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("ZONE_TOKEN", "ZONE_KEY_ID", "ZONE_KEY"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(DnsError, match="can't be asked") as caught:
        zone_of(dns, DOMAIN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dns", [CLOUDFLARE, ROUTE53], ids=["cloudflare", "route53"])
def test_a_missing_secret_is_named(dns: Dns) -> None:
    with pytest.raises(MissingSecret, match="ZONE_"):
        zone_of(dns, DOMAIN)
