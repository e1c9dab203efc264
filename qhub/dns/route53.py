"""Zones at Amazon Route 53."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qhub.dns.record import LIFETIME, Record, parents
from qhub.errors import DnsError, UsageError


class Route53Zone:
    """A public hosted zone of an account.

    Args:
        client: boto3's client of Route 53.
        zone: Its id.
    """

    def __init__(self, client: Any, zone: str) -> None:
        self._client, self._id = client, zone

    @classmethod
    def find(cls, domain: str, keys: Sequence[str]) -> Route53Zone:
        """The zone that a domain is in.

        Args:
            domain: What is to be a name of it.
            keys: Id and secret of an access key; empty: what boto3 finds (environment, profile,
                role).

        Raises:
            DnsError: The account has none, or can't be reached.
            UsageError: boto3 is not installed.
        """
        try:
            import boto3
        except ImportError as error:
            raise UsageError(
                "Route 53 needs boto3, which is not installed", "pip install 'qhub[aws]'"
            ) from error
        with _asking():
            names = dict(zip(("aws_access_key_id", "aws_secret_access_key"), keys, strict=False))
            client = boto3.client("route53", region_name="us-east-1", **names)
            for name in parents(domain):
                zones = client.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
                for zone in zones:
                    if zone["Name"] == f"{name}." and not zone["Config"].get("PrivateZone"):
                        return cls(client, zone["Id"])
        raise DnsError(f"Route 53: the account has no public hosted zone of {domain}")

    def read(self, name: str) -> list[Record]:
        with _asking():
            answer = self._client.list_resource_record_sets(
                HostedZoneId=self._id, StartRecordName=name, MaxItems="100"
            )
        found = [one for one in answer["ResourceRecordSets"] if one["Name"] == f"{name}."]
        return [Record(name, one["Type"], tuple(sorted(_values(one)))) for one in found]

    def write(self, record: Record) -> None:
        self._change("UPSERT", record)

    def remove(self, record: Record) -> None:
        self._change("DELETE", record)

    def _change(self, action: str, record: Record) -> None:
        quote = '"' if record.kind == "TXT" else ""
        wanted = {
            "Name": record.name,
            "Type": record.kind,
            "TTL": LIFETIME,
            "ResourceRecords": [{"Value": f"{quote}{value}{quote}"} for value in record.values],
        }
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": wanted}]}
        with _asking():
            self._client.change_resource_record_sets(HostedZoneId=self._id, ChangeBatch=batch)


def _values(entry: dict[str, Any]) -> Iterator[str]:
    if "AliasTarget" in entry:  # somebody's own way to lead to a load balancer
        yield entry["AliasTarget"]["DNSName"].rstrip(".")
    for one in entry.get("ResourceRecords", ()):
        yield one["Value"].strip('"').rstrip(".")


@contextmanager
def _asking() -> Iterator[None]:
    """Says what Amazon says, in one line."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise DnsError(f"Route 53 refuses: {error.response['Error']['Message']}") from error
    except BotoCoreError as error:
        raise DnsError(f"Route 53 can't be asked: {error}") from error
