"""The DNS record of a deployment's domain, at whoever serves the zone.

`publish` and `withdraw` are all that a stage needs; `cloudflare` and `route53` are the zones.
"""

from __future__ import annotations

from qhub.config.services import Dns
from qhub.dns.record import Record, Zone, publish, withdraw

__all__ = ["Record", "Zone", "publish", "withdraw", "zone_of"]


def zone_of(dns: Dns, domain: str) -> Zone:
    """The zone that the domain is in.

    Raises:
        MissingSecret: What may write to it is not there.
        DnsError: It can't be reached, refuses, or has no such zone.
        UsageError: A package that is needed to reach it is not installed.
    """
    if dns.provider == "cloudflare":
        from qhub.dns.cloudflare import CloudflareZone

        assert dns.credentials.api_token  # noqa: S101 - the configuration's rules see to it
        return CloudflareZone.find(domain, dns.credentials.api_token.resolve())
    from qhub.dns.route53 import Route53Zone

    keys = dns.credentials.access_key_id, dns.credentials.secret_access_key
    return Route53Zone.find(domain, [key.resolve() for key in keys if key])
