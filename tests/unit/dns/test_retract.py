"""What becomes of a domain's record once the file asks for it no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qhub.config import Config, parse
from qhub.dns import publish, zone_of
from qhub.errors import DnsError
from qhub.stages.kubernetes_ingress import IngressOutputs, KubernetesIngress
from tests.cloudflare import Cloudflare, serving

OWNER = "demo-dev"


def config(domain: str = "hub.example.org", *, made: bool = True) -> Config:
    return parse(f"""\
project_name: demo
namespace: dev
provider: existing
domain: {domain}
dns:
  provider: cloudflare
  credentials: {{api_token: {{env: ZONE_TOKEN}}}}
  auto_provision: {str(made).lower()}
security:
  groups: {{admin: {{gid: 20000}}}}
  users: {{ada: {{uid: 21000, primary_group: admin, password: {{env: PASSWORD}}}}}}
""")


@pytest.fixture
def cloudflare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloudflare]:
    with serving("example.org", monkeypatch) as server:
        yield server


@pytest.fixture
def before(cloudflare: Cloudflare) -> IngressOutputs:
    """What was deployed, with the record that came of it."""
    found = KubernetesIngress().example(config())
    publish(zone_of(config().dns, found.domain), found.domain, ["192.0.2.1"], OWNER)
    assert cloudflare.values("hub.example.org", "A") == ["192.0.2.1"]
    return found


def retract(before: IngressOutputs, now: Config) -> list[str]:
    return KubernetesIngress().retract(before, now)


def test_a_record_stays_while_it_is_asked_for(
    cloudflare: Cloudflare, before: IngressOutputs
) -> None:
    assert retract(before, config()) == []
    assert cloudflare.values("hub.example.org", "A")


@pytest.mark.parametrize(
    "now", [{"made": False}, {"domain": "new.example.org"}], ids=["off", "moved"]
)
def test_a_record_that_is_not_asked_for_goes(
    cloudflare: Cloudflare, before: IngressOutputs, now: dict[str, Any]
) -> None:
    assert retract(before, config(**now)) == ["removed DNS record: hub.example.org. A 192.0.2.1"]
    assert not cloudflare.entries
    assert retract(before, config(**now)) == []


def test_a_token_that_went_with_the_setting_is_no_obstacle(
    cloudflare: Cloudflare, before: IngressOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONE_TOKEN", "an old one")
    [told] = retract(before, config(made=False))
    assert "hub.example.org stays" in told
    assert "Invalid access token" in told
    assert cloudflare.values("hub.example.org", "A")
    with pytest.raises(DnsError):
        retract(before, config("new.example.org"))
