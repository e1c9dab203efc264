"""Records of a zone, and which of them are a deployment's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qhub.errors import DnsError

LIFETIME = 300
"""Seconds that others may remember a record: what both providers give by default."""

ADDRESSES = ("A", "AAAA", "CNAME")
MARK = "_qhub"
"""Label below a domain under which a TXT record says whose record that of the domain is."""


@dataclass(frozen=True)
class Record:
    """All values that a name has of one type.

    Args:
        name: Without a dot at its end.
        kind: `A`, `AAAA`, `CNAME` or `TXT`.
        values: Sorted; TXT without quotes.
    """

    name: str
    kind: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}. {self.kind} {', '.join(self.values)}"


class Zone(Protocol):
    """The names below a domain, where they can be changed."""

    def read(self, name: str) -> list[Record]:
        """What a name has. Raises DnsError."""

    def write(self, record: Record) -> None:
        """Give a name these values of a type, and no others of it. Raises DnsError."""

    def remove(self, record: Record) -> None:
        """Take away a record that was read. Raises DnsError."""


def publish(zone: Zone, domain: str, hosts: Sequence[str], owner: str) -> list[Record]:
    """Let a domain lead to these hosts.

    Args:
        zone: Where it is.
        domain: A name of the zone.
        hosts: Addresses, or a name.
        owner: Which deployment it is; what another one or a person made is left alone.

    Returns:
        The records that were written; none where all was right.

    Raises:
        DnsError: The domain has a record that is not this deployment's, or the zone refuses.
    """
    wanted, found = list(addresses(domain, hosts)), _addresses_of(zone, domain)
    if found == wanted:
        return []
    mark = _mark(domain, owner)
    whose = zone.read(mark.name)
    if found and mark not in whose:
        told = "; ".join(map(str, found))
        raise DnsError(
            f"there is a record that this deployment did not make: {told}",
            f"delete it, or make it {'; '.join(map(str, wanted))} and set"
            " `dns.auto_provision: false`",
        )
    if mark not in whose:
        zone.write(mark)
    for record in found:
        if record.kind not in {one.kind for one in wanted}:
            zone.remove(record)
    changed = [record for record in wanted if record not in found]
    for record in changed:
        zone.write(record)
    return changed


def withdraw(zone: Zone, domain: str, owner: str) -> list[Record]:
    """Take away what `publish` wrote; returns it. Raises DnsError."""
    mark = _mark(domain, owner)
    if mark not in zone.read(mark.name):
        return []
    gone = _addresses_of(zone, domain)
    for record in [*gone, mark]:  # the mark last: if this ends before, the next run goes on
        zone.remove(record)
    return gone


def addresses(domain: str, hosts: Sequence[str]) -> Iterator[Record]:
    """The records that lead a domain to these hosts, in the order of ADDRESSES."""
    by_kind: dict[str, list[str]] = {}
    for host in hosts:
        by_kind.setdefault(kind_of(host), []).append(host)
    for kind in sorted(by_kind):
        yield Record(domain, kind, tuple(sorted(set(by_kind[kind]))))


def kind_of(host: str) -> str:
    """The type of a record that leads to a host."""
    try:
        return "AAAA" if ipaddress.ip_address(host).version == 6 else "A"
    except ValueError:
        return "CNAME"


def parents(domain: str) -> Iterator[str]:
    """The names that the zone of a domain may have, the longest first."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def _mark(domain: str, owner: str) -> Record:
    return Record(f"{MARK}.{domain}", "TXT", (owner,))


def _addresses_of(zone: Zone, domain: str) -> list[Record]:
    found = [record for record in zone.read(domain) if record.kind in ADDRESSES]
    return sorted(found, key=lambda record: record.kind)
