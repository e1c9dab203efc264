"""What a person has to do about a domain's record."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

from qhub.dns.record import addresses


def advice(domain: str, hosts: Sequence[str]) -> Iterator[str]:
    """Which record to make, where a domain leads to none of the hosts."""
    records = "; ".join(map(str, addresses(domain, hosts)))
    resolved, wanted = _resolved(domain), {one for host in hosts for one in _resolved(host)}
    if not resolved:
        yield f"{domain} has no DNS record yet; make it: {records}"
    elif not resolved & wanted:
        leads = ", ".join(sorted(resolved))
        yield f"{domain} leads to {leads}, where this deployment doesn't answer; make it: {records}"


def _resolved(host: str) -> set[str]:
    """What a name or address leads to, from this machine."""
    try:
        return {
            str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        }
    except OSError:
        return set()
