"""Where it runs: one model for the block of each provider."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from qhub.config.fields import (
    Address,
    Cidr,
    FilePath,
    KnownRegion,
    KubernetesVersion,
    NodeGroupName,
    Program,
    Section,
    Text,
    Title,
    wrong,
)

ProviderName = Literal["local", "existing", "aws", "gcp", "azure", "do"]

# The key of the file that holds each provider's own settings.
BLOCKS: dict[str, str] = {
    "local": "local",
    "existing": "existing",
    "aws": "amazon_web_services",
    "gcp": "google_cloud_platform",
    "azure": "azure",
    "do": "digital_ocean",
}


class Local(Section):
    """`provider: local`: real processes on this machine."""

    directory: FilePath | None = Field(
        None,
        description="Folder of data and environments. Default: `/var/lib/qhub/PROJECT` as root, "
        "else `local` in the deployment's folder.",
    )
    isolation: Literal["auto", "unix", "bwrap", "none"] = Field(
        "auto",
        description="`unix`: each user is a Unix account (needs root). Else all servers run as "
        "whoever deploys: `bwrap` in a sandbox each (bubblewrap, not as root), `none` without. "
        "`auto`: the first of them that works on this machine.",
    )
    python: Program | None = Field(
        None, description="Interpreter that runs the services, 3.11 or newer. Default: found."
    )
    address: Address = Field(
        "127.0.0.1",
        description="IP address to listen on. Another than this machine's own needs a certificate "
        "or `allow_insecure`.",
    )
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    allow_insecure: bool = Field(
        False, description="Allow passwords over the network without encryption."
    )


class NodeSelector(Section):
    """A label that nodes carry."""

    key: Title = Field(description="For example `kubernetes.io/os`.")
    value: str = Field(description="For example `linux`.")


Purpose = Literal["general", "user", "worker"]
_PURPOSES: tuple[Purpose, ...] = ("general", "user", "worker")


def _linux() -> dict[Purpose, NodeSelector]:
    return {
        name: NodeSelector.model_construct(key="kubernetes.io/os", value="linux")
        for name in _PURPOSES
    }


class Existing(Section):
    """`provider: existing`: a Kubernetes cluster that is already there."""

    kube_context: Title | None = Field(
        None, description="Context of the kubeconfig. Default: the current one."
    )
    node_selectors: dict[Purpose, NodeSelector] = Field(
        default_factory=_linux, description="Nodes for services, user servers and Dask workers."
    )


class Taint(Section):
    """Keeps everything off a node group that does not tolerate it."""

    key: Title = Field(description="For example `nvidia.com/gpu`.")
    value: str | None = Field(None, description="For example `present`.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        description="What happens to what does not tolerate it."
    )


def _instance(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise wrong(f"`{text}` is not a type of machine", "for example `m5.xlarge`")
    return text


class NodeGroup(Section):
    """Machines of one type, between `min_nodes` and `max_nodes` of them as needed."""

    instance: Annotated[str, Text(_instance)] = Field(description="Type of machine.")
    min_nodes: int = Field(0, ge=0, le=1000, description="Machines that always run.")
    max_nodes: int = Field(1, ge=1, le=1000, description="Machines that run at most.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels of the nodes.")
    taints: list[Taint] = Field(default_factory=list, description="Taints of the nodes.")


class AwsNodeGroup(NodeGroup):
    """Machines of one type at AWS."""

    gpu: bool = Field(False, description="The machines have GPUs: take the image with drivers.")
    spot: bool = Field(False, description="Cheaper machines that AWS can take back.")


class GuestAccelerator(Section):
    """GPUs that are added to a machine."""

    name: Title = Field(description="For example `nvidia-tesla-t4`.")
    count: int = Field(1, ge=1, le=16, description="How many in each machine.")


class GcpNodeGroup(NodeGroup):
    """Machines of one type at Google."""

    preemptible: bool = Field(False, description="Cheaper machines that Google can take back.")
    guest_accelerators: list[GuestAccelerator] = Field(
        default_factory=list, description="GPUs to add to each machine."
    )


class AzureNodeGroup(NodeGroup):
    """Machines of one type at Azure."""

    gpu: bool = Field(False, description="The machines have GPUs.")
    spot: bool = Field(False, description="Cheaper machines that Azure can take back.")


class DigitalOceanNodeGroup(NodeGroup):
    """Machines of one type at DigitalOcean."""


# Machines of the node groups that every cluster has: type, at least, at most.
MACHINES: dict[str, dict[Purpose, tuple[str, int, int]]] = {
    "aws": {
        "general": ("m5.xlarge", 1, 1),
        "user": ("m5.large", 0, 5),
        "worker": ("m5.large", 0, 5),
    },
    "gcp": {
        "general": ("e2-standard-4", 1, 1),
        "user": ("e2-standard-2", 0, 5),
        "worker": ("e2-standard-2", 0, 5),
    },
    "azure": {
        "general": ("Standard_D4s_v5", 1, 1),
        "user": ("Standard_D2s_v5", 0, 5),
        "worker": ("Standard_D2s_v5", 0, 5),
    },
    "do": {
        "general": ("g-4vcpu-16gb", 1, 1),
        "user": ("g-2vcpu-8gb", 1, 5),
        "worker": ("g-2vcpu-8gb", 1, 5),
    },
}


def _groups(kind: type[Any], provider: str) -> dict[str, Any]:
    return {
        name: kind.model_construct(instance=instance, min_nodes=least, max_nodes=most)
        for name, (instance, least, most) in MACHINES[provider].items()
    }


_NODE_GROUPS = "`general` (services), `user` (servers), `worker` (Dask), and more for profiles."
_VERSION = "Minor version of Kubernetes, in quotes. Default: the cloud's own."


class AmazonWebServices(Section):
    """`provider: aws`: a cluster at Amazon (EKS)."""

    region: Annotated[str, KnownRegion("aws")] = Field(description="For example `us-west-2`.")
    availability_zones: list[Title] | None = Field(
        None, min_length=2, description="Zones of the region. Default: its first two."
    )
    kubernetes_version: KubernetesVersion | None = Field(None, description=_VERSION)
    node_groups: dict[NodeGroupName, AwsNodeGroup] = Field(
        default_factory=lambda: _groups(AwsNodeGroup, "aws"),
        description=_NODE_GROUPS,
    )
    vpc_cidr_block: Cidr = Field("10.10.0.0/16", description="Addresses of the network.")
    existing_subnet_ids: list[Title] | None = Field(
        None, description="Subnets to use instead of a network of its own."
    )
    existing_security_group_id: Title | None = Field(
        None, description="Security group to use with `existing_subnet_ids`."
    )
    eks_endpoint_access: Literal["private", "public", "public_and_private"] = Field(
        "public", description="From where the Kubernetes API can be reached."
    )
    eks_public_access_cidrs: list[Cidr] = Field(
        default_factory=lambda: ["0.0.0.0/0"], description="Who may reach it from the internet."
    )
    eks_kms_arn: Title | None = Field(None, description="Key that encrypts Kubernetes secrets.")
    permissions_boundary: Title | None = Field(None, description="ARN that limits all IAM roles.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of everything made.")


class PrivateCluster(Section):
    """A cluster whose nodes have no public addresses."""

    enable_private_nodes: bool = Field(True, description="Nodes without public addresses.")
    enable_private_endpoint: bool = Field(False, description="No public Kubernetes API.")
    master_ipv4_cidr_block: Cidr = Field(
        "172.16.0.0/28", description="Addresses of the Kubernetes API."
    )


class AuthorizedNetwork(Section):
    """Addresses that may reach the Kubernetes API."""

    cidr_block: Cidr = Field(description="For example `192.0.2.0/24`.")
    display_name: Title = Field(description="What it is called in the console.")


def _gcp_project(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", text):
        message = f"`{text}` is not the ID of a Google Cloud project"
        raise wrong(message, "6 to 30 lower-case letters, digits and `-`, as the console shows it")
    return text


class GoogleCloudPlatform(Section):
    """`provider: gcp`: a cluster at Google (GKE)."""

    project: Annotated[str, Text(_gcp_project, "^[a-z][a-z0-9-]{4,28}[a-z0-9]$")] = Field(
        description="ID of the Google Cloud project."
    )
    region: Annotated[str, KnownRegion("gcp")] = Field(description="For example `us-central1`.")
    availability_zones: list[Title] | None = Field(
        None, description="Zones of the region. Default: one."
    )
    kubernetes_version: KubernetesVersion | None = Field(None, description=_VERSION)
    release_channel: Literal["UNSPECIFIED", "RAPID", "REGULAR", "STABLE", "EXTENDED"] = Field(
        "UNSPECIFIED", description="How Google upgrades the cluster by itself."
    )
    node_groups: dict[NodeGroupName, GcpNodeGroup] = Field(
        default_factory=lambda: _groups(GcpNodeGroup, "gcp"),
        description=_NODE_GROUPS,
    )
    network: Title = Field("default", description="VPC network.")
    subnetwork: Title | None = Field(None, description="Subnetwork of it.")
    private_cluster_config: PrivateCluster | None = Field(
        None, description="Nodes without public addresses."
    )
    master_authorized_networks_config: list[AuthorizedNetwork] = Field(
        default_factory=list, description="Who may reach the Kubernetes API. Default: everybody."
    )
    tags: list[Title] = Field(default_factory=list, description="Network tags of the nodes.")


def _postfix(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{1,10}", text):
        message = f"`{text}` can't end the name of a storage account"
        raise wrong(message, "1 to 10 lower-case letters and digits")
    return text


class Azure(Section):
    """`provider: azure`: a cluster at Microsoft (AKS)."""

    region: Annotated[str, KnownRegion("azure")] = Field(description="For example `centralus`.")
    kubernetes_version: KubernetesVersion | None = Field(None, description=_VERSION)
    storage_account_postfix: Annotated[str, Text(_postfix, "^[a-z0-9]{1,10}$")] = Field(
        description="End of the storage account's name, which is unique in the world."
    )
    node_groups: dict[NodeGroupName, AzureNodeGroup] = Field(
        default_factory=lambda: _groups(AzureNodeGroup, "azure"),
        description=_NODE_GROUPS,
    )
    resource_group_name: Title | None = Field(None, description="Default: `PROJECT-NAMESPACE`.")
    vnet_subnet_id: Title | None = Field(None, description="Subnet to use, of your own network.")
    authorized_ip_ranges: list[Cidr] = Field(
        default_factory=lambda: ["0.0.0.0/0"], description="Who may reach the Kubernetes API."
    )
    private_cluster_enabled: bool = Field(False, description="No public Kubernetes API.")
    max_pods: int | None = Field(None, ge=10, le=250, description="Pods of a node at most.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of everything made.")


class DigitalOcean(Section):
    """`provider: do`: a cluster at DigitalOcean (DOKS)."""

    region: Annotated[str, KnownRegion("do")] = Field(description="For example `nyc3`.")
    kubernetes_version: KubernetesVersion | None = Field(None, description=_VERSION)
    node_groups: dict[NodeGroupName, DigitalOceanNodeGroup] = Field(
        default_factory=lambda: _groups(DigitalOceanNodeGroup, "do"),
        description=_NODE_GROUPS,
    )
    tags: list[Title] = Field(default_factory=list, description="Tags of everything made.")
