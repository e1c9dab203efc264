"""04-kubernetes-ingress: the way in, with its certificate and its DNS record."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from qhub.config import Config
from qhub.releases import traefik as release
from qhub.releases.chart import Chart
from qhub.stages.base import InCluster, Stage
from qhub.stages.infrastructure import ExistingInfrastructure
from qhub.stages.kubernetes_initialize import KubernetesInitialize, deployment_name


class CertificateSource(BaseModel):
    """Where the certificate comes from."""

    model_config = ConfigDict(extra="forbid")

    type: str
    secret_name: str | None = None


class IngressInputs(BaseModel):
    """How the deployment is reached."""

    model_config = ConfigDict(extra="forbid")

    chart: Chart
    domain: str = Field(description="The name under which users open the hub.")
    url: str = Field(description="The address that users open.")
    ingress_class: str = Field(description="IngressClass of the deployment.")
    certificate: CertificateSource
    values: dict[str, Any] = Field(description="Values of the chart.")


class IngressOutputs(InCluster):
    """What later stages need to be reached."""

    url: str = Field(description="The address that users open.")
    ingress_class: str = Field(description="IngressClass of what is to be reached by it.")
    annotations: dict[str, str] = Field(description="Annotations of Ingresses.")
    tls_secret: str = Field(description="Secret with the certificate; empty for none.")


def address(config: Config) -> str:
    """The address that users open, with its port where that isn't the usual one."""
    secure = config.certificate.type != "disabled"
    ports = config.ingress.node_ports
    port = (ports.https if secure else ports.http) if config.ingress.service == "NodePort" else None
    return f"http{'s' * secure}://{config.domain}{f':{port}' if port else ''}"


class KubernetesIngress(Stage[IngressInputs, IngressOutputs]):
    """Traefik as a Helm release."""

    name = "04-kubernetes-ingress"
    variant = "kubernetes"
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
                "url": address(config),
                "ingress_class": name,
                "certificate": {
                    "type": config.certificate.type,
                    "secret_name": config.certificate.secret_name,
                },
                "values": release.values(config, name),
            }
        )

    def example(self, config: Config) -> IngressOutputs:
        return IngressOutputs.model_validate(
            {
                "url": address(config),
                "namespace": config.namespace,
                "ingress_class": deployment_name(config),
                "annotations": {},
                "tls_secret": "",
            }
        )

    def check(self, outputs: IngressOutputs) -> None:
        from qhub.kubernetes.rollout import wait_ready

        wait_ready(self.name, outputs.context, outputs.namespace, deployments=["traefik"])
