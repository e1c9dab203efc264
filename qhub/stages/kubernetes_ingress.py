"""04-kubernetes-ingress: the way in, with its certificate.

What is to be reached through it is an Ingress with the `annotations` of its outputs; of
certificates it knows nothing, all of the address has the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.config.services import Dns
from qhub.dns import publish, withdraw, zone_of
from qhub.dns.advice import advice
from qhub.dns.record import Record
from qhub.errors import ClusterError, PreflightError, QhubError
from qhub.releases import jitsi
from qhub.releases import traefik as release
from qhub.releases.chart import Chart
from qhub.stages.base import InCluster, Say
from qhub.stages.infrastructure import ExistingInfrastructure
from qhub.stages.kubernetes_initialize import KubernetesInitialize, deployment_name
from qhub.stages.release import ReleaseStage

if TYPE_CHECKING:
    from qhub.kubernetes.cluster import Cluster
    from qhub.kubernetes.entrance import Answer, Entrance

SERVICE = "traefik"
SOON_DAYS = 21
"""Whoever renews certificates by themselves has done it by then."""


class CertificateSource(BaseModel):
    """Where the certificate comes from."""

    model_config = ConfigDict(extra="forbid")

    type: str
    secret_name: str | None = None


class DnsRecord(BaseModel):
    """The record of the domain: who serves its zone, and where what may write to it is found."""

    model_config = ConfigDict(extra="forbid")

    dns: Dns
    owner: str = Field(description="Which deployment it is.")


class IngressInputs(BaseModel):
    """How the deployment is reached."""

    model_config = ConfigDict(extra="forbid")

    chart: Chart
    domain: str = Field(description="The name under which users open the hub.")
    more_domains: list[str] = Field(description="Further names, of the same certificate.")
    url: str = Field(description="The address that users open.")
    ingress_class: str = Field(description="What marks the Ingresses of the deployment.")
    certificate: CertificateSource
    values: dict[str, Any] = Field(description="Values of the chart.")
    dns_record: DnsRecord | None = Field(
        description="The record that is made of the domain; null: it is made by hand."
    )


class IngressOutputs(InCluster):
    """What later stages need to be reached."""

    url: str = Field(description="The address that users open.")
    domain: str = Field(description="The name in it.")
    more_domains: list[str] = Field([], description="Further names, of the same certificate.")
    annotations: dict[str, str] = Field(description="What makes an Ingress one of the deployment.")
    certificate: str = Field(description="Type of the certificate.")
    tls_secret: str = Field(description="Secret with the certificate; empty: not in one.")
    dns_record: DnsRecord | None = Field(None, description="The record that is made of the domain.")

    @property
    def domains(self) -> list[str]:
        """All names that the deployment answers to."""
        return [self.domain, *self.more_domains]


def port(config: Config) -> int | None:
    """The port that users come to, where it isn't the usual one."""
    nodes = config.ingress.node_ports
    if config.ingress.service != "NodePort":
        return None
    return nodes.http if config.certificate.type == "disabled" else nodes.https


def address(config: Config) -> str:
    """The address that users open, with its port where that isn't the usual one."""
    return _at(config, config.domain or "")


def server(config: Config) -> str | None:
    """The Jitsi server: that of the config, else the deployment's own; None: neither."""
    return _at(config, jitsi.domain(config)) if jitsi.own(config) else config.jitsi.server


def _at(config: Config, domain: str) -> str:
    secure = config.certificate.type != "disabled"
    suffix = f":{port(config)}" if port(config) else ""
    return f"http{'s' * secure}://{domain}{suffix}"


def more_domains(config: Config) -> list[str]:
    """Names besides `domain` that the deployment answers to."""
    return [jitsi.domain(config)] if jitsi.own(config) else []


def marks(config: Config) -> dict[str, str]:
    """What makes an Ingress one of the deployment."""
    secure = config.certificate.type != "disabled"
    return {
        # Not `ingressClassName`: an IngressClass is read, and left behind, cluster-wide.
        "kubernetes.io/ingress.class": deployment_name(config),
        "traefik.ingress.kubernetes.io/router.entrypoints": "websecure" if secure else "web",
    }


class KubernetesIngress(ReleaseStage[IngressInputs, IngressOutputs]):
    """Traefik as a Helm release."""

    name = "04-kubernetes-ingress"
    variant = "kubernetes"
    made: ClassVar[Mapping[str, str]] = {"traefik": "helm_release.traefik"}
    providers = ("existing",)
    Inputs = IngressInputs
    Outputs = IngressOutputs
    depends_on = (ExistingInfrastructure, KubernetesInitialize)

    def inputs(self, config: Config) -> IngressInputs:
        name = deployment_name(config)
        return IngressInputs.model_validate(
            {
                "chart": release.source(config),
                "domain": config.domain,
                "more_domains": more_domains(config),
                "url": address(config),
                "ingress_class": name,
                "certificate": {
                    "type": config.certificate.type,
                    "secret_name": config.certificate.secret_name,
                },
                "values": release.values(config, name),
                "dns_record": _record(config),
            }
        )

    def secrets(self, config: Config) -> dict[str, Any]:
        files = _files(config)
        pair = dict(zip(("tls.crt", "tls.key"), files, strict=True)) if files else {}
        return {"environment": release.environment(config), "certificate": pair}

    def example(self, config: Config) -> IngressOutputs:
        return IngressOutputs.model_validate(
            {
                "url": address(config),
                "namespace": config.namespace,
                "domain": config.domain,
                "more_domains": more_domains(config),
                "annotations": marks(config),
                "certificate": config.certificate.type,
                "tls_secret": "",
                "dns_record": _record(config),
            }
        )

    def preflight(self, config: Config, folder: Path) -> None:
        obstacle = _certificate_obstacle(config)
        if obstacle:
            raise PreflightError(obstacle, "Nothing was changed.")
        if config.dns.auto_provision:
            for name in (config.domain or "", *more_domains(config)):
                zone_of(config.dns, name)

    def retract(self, before: IngressOutputs, config: Config) -> list[str]:
        made, asked = before.dns_record, config.dns.auto_provision
        now = {config.domain, *more_domains(config)} if asked else set()
        gone = [name for name in before.domains if name not in now]
        if made is None or not gone:
            return []
        try:
            return [f"removed DNS record: {record}" for record in _withdraw(made, gone)]
        except QhubError as error:
            if asked:
                raise
            # What may change the zone often goes with the setting.
            return [f"the DNS record of {', '.join(gone)} stays: {error.message}"]

    def publish(self, outputs: IngressOutputs, say: Say) -> None:
        from qhub.kubernetes.entrance import wait_address

        if outputs.dns_record is None:
            return
        hosts = [place.host for place in wait_address(self.name, _entrance(outputs), say)]
        for name in outputs.domains:
            zone = zone_of(outputs.dns_record.dns, name)
            for record in publish(zone, name, hosts, outputs.dns_record.owner):
                say(f"DNS record: {record}")

    def clear(self, outputs: IngressOutputs) -> None:
        if outputs.dns_record is not None:
            _withdraw(outputs.dns_record, outputs.domains)

    def check(self, outputs: IngressOutputs, say: Say) -> None:
        from qhub.kubernetes import acme
        from qhub.kubernetes.entrance import wait_open
        from qhub.kubernetes.rollout import wait_ready

        wait_ready(self.name, outputs.context, outputs.namespace, deployments=[SERVICE], say=say)
        entrance = _entrance(outputs)
        asked = outputs.certificate == "lets-encrypt"

        def trouble(answer: Answer) -> str | None:
            if answer.status != 200:
                return f"answers {answer.status} to {release.PING}: that is not this deployment"
            if answer.certificate and not asked:
                wrong = answer.certificate.obstacle(outputs.domain)
                return f"shows a certificate that {wrong}" if wrong else None
            return None

        answer = wait_open(self.name, entrance, trouble, say)
        if asked and answer:
            named = entrance.first_answer([entrance.by_name])
            acme.settle(
                entrance.cluster,
                outputs.namespace,
                SERVICE,
                granted=lambda: _is_granted(entrance, answer),
                reached=bool(named and named.status == 200),
            )

    def notices(self, outputs: IngressOutputs) -> list[str]:
        try:
            return list(_notices(outputs, _entrance(outputs)))
        except ClusterError as error:
            return [error.message]


def _withdraw(made: DnsRecord, names: list[str]) -> list[Record]:
    return [one for name in names for one in withdraw(zone_of(made.dns, name), name, made.owner)]


def _record(config: Config) -> dict[str, Any] | None:
    if not config.dns.auto_provision:
        return None
    named = config.dns.model_dump(exclude_none=True)
    return {"dns": named, "owner": deployment_name(config)}


def entrance_to(outputs: InCluster, domain: str, url: str, path: str) -> Entrance:
    """The way in to what is at an address of the deployment.

    Args:
        outputs: Where the deployment is.
        domain: The name in the address.
        url: The address.
        path: What is answered there.
    """
    from urllib.parse import urlsplit

    from qhub.kubernetes.cluster import reach
    from qhub.kubernetes.entrance import Entrance

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    cluster = reach(outputs.context)
    return Entrance(cluster, outputs.namespace, SERVICE, domain, port, secure, path)


def _entrance(outputs: IngressOutputs) -> Entrance:
    return entrance_to(outputs, outputs.domain, outputs.url, release.PING)


def _is_granted(entrance: Entrance, before: Answer) -> bool:
    answer = entrance.first_answer([before.place])
    return bool(answer and answer.certificate and answer.certificate.covers(entrance.domain))


def _files(config: Config) -> tuple[str, str] | None:
    """Certificate and key, where the config names files of them.

    Raises:
        PreflightError: One can't be read.
    """
    given = config.certificate
    if given.type != "existing" or not given.certificate_file or not given.key_file:
        return None
    return _text("certificate_file", given.certificate_file), _text("key_file", given.key_file)


def _text(key: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PreflightError(f"certificate.{key} {file} can't be read: {reason}") from error


def _certificate_obstacle(config: Config) -> str | None:
    """What keeps a certificate of type `existing` from being used; None: nothing."""
    from qhub.kubernetes.cluster import Access, Cluster

    given, namespace = config.certificate, config.namespace
    names = [config.domain or "", *more_domains(config)]
    if given.type != "existing":
        return None
    if files := _files(config):
        wrong = _wrong(files[0].encode(), files[1].encode(), names)
        return f"{given.certificate_file} {wrong} (certificate.certificate_file)" if wrong else None
    name = given.secret_name or ""
    found = Cluster(Access.find(config.existing.kube_context)).secret(namespace, name)
    if found is None:
        return (
            f"the namespace {namespace} has no Secret {name} (certificate.secret_name); make it:"
            f" qhub deploy --until 03-kubernetes-initialize, then kubectl -n {namespace} create"
            f" secret tls {name} --cert=FILE --key=FILE"
        )
    if lacking := sorted({"tls.crt", "tls.key"} - set(found)):
        return f"the Secret {name} lacks {', '.join(lacking)} (certificate.secret_name)"
    wrong = _wrong(found["tls.crt"], found["tls.key"], names)
    return f"the certificate in Secret {name} {wrong} (certificate.secret_name)" if wrong else None


def _wrong(certificate: bytes, key: bytes, names: list[str]) -> str | None:
    """What keeps a certificate from serving all of the names."""
    from qhub.kubernetes.certificate import pair_obstacle

    return next(filter(None, (pair_obstacle(certificate, key, name) for name in names)), None)


def _notices(outputs: IngressOutputs, entrance: Entrance) -> Iterator[str]:
    places = entrance.places()
    answer = entrance.first_answer([entrance.by_name])
    if not places:
        yield f"the Service {SERVICE} has no address: {entrance.no_address()[0]}"
    elif not answer or answer.status != 200:
        yield from advice(outputs.domain, [place.host for place in places])
        answer = entrance.first_answer(places)
    if places and answer is None:
        where = ", ".join(map(str, places))
        yield f"{where} can't be reached from this machine; a firewall may keep users out as well"
    if not entrance.secure:
        yield f"{outputs.url} is not encrypted: passwords can be read on their way"
    elif answer:
        yield _certificate_notice(outputs, entrance, answer)


def _certificate_notice(outputs: IngressOutputs, entrance: Entrance, answer: Answer) -> str:
    """How the certificate is that browsers get."""
    from datetime import UTC, datetime

    certificate = answer.certificate
    assert certificate  # noqa: S101 - asked by https
    if not certificate.covers(outputs.domain):
        return (
            "browsers get a self-signed certificate that Traefik made for want of another, and warn"
            f" of it: {_why_none(outputs, entrance.cluster)}"
        )
    wrong, name = certificate.obstacle(outputs.domain), f"the certificate of {outputs.domain}"
    if wrong:
        return f"{name} {wrong}"
    told = f"{name} is valid until {certificate.until:%Y-%m-%d}"
    days = (certificate.until - datetime.now(UTC)).days
    if days < SOON_DAYS:
        told += f", for {days} days more"
    if outputs.certificate == "self-signed":
        return f"{told}; it signs itself, so that browsers warn of it"
    told += f", by {certificate.issuer}"
    distrust = entrance.distrust(answer.place)
    return f"{told}; this machine doesn't trust it: {distrust}" if distrust else told


def _why_none(outputs: IngressOutputs, cluster: Cluster) -> str:
    """Why Traefik has no certificate to show."""
    from qhub.kubernetes import acme
    from qhub.kubernetes.certificate import pair_obstacle

    if outputs.certificate == "lets-encrypt":
        reason = acme.refusal(cluster, outputs.namespace) or "the issuer gave none so far"
        return f"{reason} (once that is mended, `qhub deploy` asks again)"
    kept = cluster.secret(outputs.namespace, outputs.tls_secret)
    if kept is None:
        return f"there is no Secret {outputs.tls_secret}"
    wrong = pair_obstacle(kept.get("tls.crt", b""), kept.get("tls.key", b""), outputs.domain)
    return f"the one in Secret {outputs.tls_secret} {wrong or 'was not taken up yet'}"
