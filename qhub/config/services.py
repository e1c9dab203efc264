"""How it is reached and what runs beside JupyterHub: the smaller sections of the file."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from qhub.config.fields import (
    Address,
    Cidr,
    Color,
    Cores,
    Disk,
    Domain,
    Email,
    FileOrAddress,
    FilePath,
    GuaranteedCores,
    ImageName,
    Memory,
    Quantity,
    Section,
    ServerUrl,
    Text,
    Title,
    Url,
    defaults,
    disk,
    label,
    wrong,
)
from qhub.config.secrets import SecretRef

CondaNamespace = Annotated[str, Text(label("a namespace of conda-store", 40))]
NodePort = Annotated[int, Field(ge=1, le=65_535)]
Interval = Annotated[int, Field(ge=1, le=525_600)]
Timeout = Annotated[int, Field(ge=0, le=525_600)]
CertificateType = Literal["lets-encrypt", "self-signed", "existing", "disabled"]


class Certificate(Section):
    """The certificate of the web address."""

    type: CertificateType = Field(
        description="Default: `disabled` for the local provider, else `self-signed`."
    )
    acme_email: Email | None = Field(
        None, description="`lets-encrypt`: where warnings about the certificate go."
    )
    acme_server: Url = Field(
        "https://acme-v02.api.letsencrypt.org/directory",
        description="`lets-encrypt`: its server, or the staging one for trials.",
    )
    acme_challenge_type: Literal["http", "tls", "dns"] = Field(
        "http", description="`lets-encrypt`: how it checks the domain; `dns` needs `dns.provider`."
    )
    secret_name: Title | None = Field(
        None,
        description="`existing`, Kubernetes, instead of files: a secret of the namespace with "
        "`tls.crt` and `tls.key`, of cert-manager say.",
    )
    certificate_file: FilePath | None = Field(
        None, description="`existing`: PEM file of the certificate with its chain."
    )
    key_file: FilePath | None = Field(None, description="`existing`: PEM file of its key.")


class DnsCredentials(Section):
    """What may write to the zone; `cloudflare` has a token, `route53` a pair of keys."""

    api_token: SecretRef | None = Field(
        None, description="`cloudflare`: token with the permission Zone / DNS / Edit."
    )
    access_key_id: SecretRef | None = Field(None, description="`route53`: ID of the access key.")
    secret_access_key: SecretRef | None = Field(None, description="`route53`: the key itself.")


class Dns(Section):
    """The DNS record of the domain."""

    provider: Literal["cloudflare", "route53"] | None = Field(
        None, description="Who serves the zone."
    )
    credentials: DnsCredentials = Field(
        default_factory=defaults(DnsCredentials),
        description="For the record, and for the `dns` challenge, which is answered from within "
        "the cluster. Default with `route53`: what the AWS tools find, in the cluster the role of "
        "its nodes.",
    )
    auto_provision: bool = Field(
        False,
        description="Make the record, and take it away with the deployment. Without, it is printed "
        "for entry by hand.",
    )


class TerraformState(Section):
    """Where Terraform keeps what it made."""

    type: Literal["remote", "local", "existing"] = Field(
        description="`remote`: a bucket made for it, with `provider: existing` Secrets of the "
        "cluster; `local`: files beside the configuration; `existing`: a backend of yours."
    )
    backend: Title | None = Field(None, description="`existing`: kind of backend, such as `s3`.")
    config: dict[str, str] = Field(
        default_factory=dict, description="`existing`: the backend's settings, without secrets."
    )


class CiCd(Section):
    """Deploying from a Git repository."""

    type: Literal["github-actions", "gitlab-ci", "none"] = Field(description="Kind of workflow.")
    branch: Title = Field("main", description="Branch that is deployed.")
    before_script: list[str] = Field(default_factory=list, description="Commands before.")
    after_script: list[str] = Field(default_factory=list, description="Commands after.")


class NodePorts(Section):
    """Ports of every node, with `service: NodePort`; without, Kubernetes chooses."""

    http: NodePort | None = Field(None, description="Port of plain HTTP.")
    https: NodePort | None = Field(None, description="Port of HTTPS.")
    ssh: NodePort | None = Field(None, description="Port of SSH.")


class Ingress(Section):
    """Kubernetes: how the cluster is reached from outside."""

    service: Literal["LoadBalancer", "NodePort"] = Field(
        "LoadBalancer",
        description="`LoadBalancer`: an address that the cluster's provider gives; `NodePort`: "
        "ports of every node.",
    )
    node_ports: NodePorts = Field(
        default_factory=defaults(NodePorts), description="Ports of the nodes."
    )
    annotations: dict[str, str] = Field(
        default_factory=dict,
        description="Annotations of the Service: what a cloud's load balancer is to be like.",
    )
    source_ranges: list[Cidr] = Field(
        default_factory=list,
        description="`LoadBalancer`: who may come in. Default: everybody.",
    )


class DefaultImages(Section):
    """Kubernetes: images that nothing else names. Default: those of the charts."""

    jupyterhub: ImageName | None = Field(None, description="The hub.")
    jupyterlab: ImageName | None = Field(None, description="Users' servers.")
    dask_worker: ImageName | None = Field(None, description="Dask schedulers and workers.")
    dask_gateway: ImageName | None = Field(None, description="Dask-Gateway's own services.")
    conda_store: ImageName | None = Field(
        None, description="conda-store 2025.2, its server and its workers."
    )
    postgres: ImageName | None = Field(
        None, description="PostgreSQL's own image, for conda-store's database."
    )
    valkey: ImageName | None = Field(
        None, description="Valkey's own image, for conda-store's queue."
    )
    nfs_server: ImageName | None = Field(
        None, description="NFS-Ganesha 4, for a cluster without a shared file system."
    )


class Storage(Section):
    """Kubernetes: the volumes."""

    conda_store: Disk = Field(
        default_factory=lambda: disk("60Gi"),
        description="Environments and their packages, in one volume with homes and shared folders.",
    )
    shared_filesystem: Disk = Field(
        default_factory=lambda: disk("100Gi"),
        description="Homes and shared folders; the volume is as large as both together.",
    )
    shared_storage_class: Title | None = Field(
        None,
        description="StorageClass of the shared file system. Default: the cloud's own file "
        "system, on `provider: existing` an NFS server that is brought.",
    )
    shared_access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = Field(
        "ReadWriteMany",
        description="Whether several nodes can mount volumes of `shared_storage_class`, or one "
        "at a time: enough for a cluster of one node.",
    )
    home: Disk | None = Field(
        None,
        description="Size of a volume for each user's home. Default: homes lie in the shared file "
        "system.",
    )


def _amount(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?(m|[kKMGTPE]i?)?", text):
        message = f"`{text}` is not an amount as Kubernetes reads it"
        raise wrong(message, "for example `500m`, `64`, `256Gi`, in quotes")
    return text


Amount = Annotated[str, Text(_amount, r"^\d+(\.\d+)?(m|[kKMGTPE]i?)?$", ("64", "256Gi"))]


class ContainerResources(Section):
    """Amounts of what a container uses."""

    cpu: Amount | None = Field(None, description="Cores, `500m` is half of one.")
    memory: Amount | None = Field(None, description="Memory, `2Gi` say.")


class ContainerLimits(Section):
    """What containers get that say nothing, and what they may get at most."""

    default: ContainerResources = Field(
        default_factory=defaults(ContainerResources),
        description="Limits of containers that name none.",
    )
    default_request: ContainerResources = Field(
        default_factory=defaults(ContainerResources),
        description="What is kept free for containers that name nothing.",
    )
    max: ContainerResources = Field(
        default_factory=defaults(ContainerResources), description="What a container has at most."
    )
    min: ContainerResources = Field(
        default_factory=defaults(ContainerResources), description="What a container has at least."
    )

    @property
    def named(self) -> dict[str, dict[str, str]]:
        """Those that the file names, as a LimitRange takes them."""
        amounts = self.model_dump(exclude_none=True).items()
        return {kind: found for kind, found in amounts if found}


class ClusterLimits(Section):
    """Kubernetes: what holds for everything in the namespace."""

    pod_security: Literal["privileged", "baseline"] = Field(
        "baseline",
        description="Pod Security level that the namespace enforces. `restricted` would forbid the "
        "Job that gives folders to their owners, which takes root.",
    )
    quota: dict[Title, Amount] = Field(
        {}, description="ResourceQuota: `requests.cpu`, `requests.memory`, `pods`, …"
    )
    container_limits: ContainerLimits = Field(
        default_factory=defaults(ContainerLimits), description="LimitRange of containers."
    )


class JupyterHubTheme(Section):
    """What the hub's pages look like."""

    hub_title: str = Field("QHub", description="Title of the pages.")
    hub_subtitle: str = Field("", description="Line below it.")
    welcome: str = Field("Welcome. Sign in to start JupyterLab.", description="Text to log in by.")
    logo: FileOrAddress | None = Field(
        None, description="Web address or file of the logo. Default: QHub's."
    )
    favicon: FileOrAddress | None = Field(
        None, description="Web address or file of the icon. Default: QHub's."
    )
    primary_color: Color = Field("#4f4173", description="Colour of bars and buttons.")
    secondary_color: Color = Field("#957da6", description="Colour of secondary buttons.")
    accent_color: Color = Field("#32C574", description="Colour that draws the eye.")
    text_color: Color = Field("#111111", description="Colour of text.")
    h1_color: Color = Field("#652e8e", description="Colour of titles.")
    h2_color: Color = Field("#652e8e", description="Colour of subtitles.")


class Theme(Section):
    """Colours and words."""

    jupyterhub: JupyterHubTheme = Field(
        default_factory=defaults(JupyterHubTheme), description="The hub's pages."
    )


class WorkerResources(Section):
    """The size of a conda-store worker."""

    cpu_limit: Cores = Field(2.0, description="CPU cores that it can use at most.")
    cpu_guarantee: GuaranteedCores = Field(1.0, description="CPU cores that are kept free for it.")
    mem_limit: Memory = Field(
        default_factory=lambda: Quantity("6Gi", 6 * 1024**3), description="Memory at most."
    )
    mem_guarantee: Memory = Field(
        default_factory=lambda: Quantity("4Gi", 4 * 1024**3), description="Memory kept free for it."
    )


class CondaStoreWorker(Section):
    """Who builds environments."""

    max_workers: int = Field(2, ge=1, le=100, description="Environments built at a time.")
    resources: WorkerResources = Field(
        default_factory=defaults(WorkerResources), description="Kubernetes: size of a worker."
    )


class CondaStore(Section):
    """conda-store, where users make environments of their own."""

    enabled: bool | None = Field(
        None,
        description="Default: on for Kubernetes, where it also builds `environments`; off for the "
        "local provider.",
    )
    channels: list[Title] = Field(
        default_factory=lambda: ["conda-forge"],
        min_length=1,
        description="Where conda-store itself comes from with the local provider, and what "
        "environments of users come from unless they name others.",
    )
    default_namespace: CondaNamespace = Field(
        "global", description="Namespace of the environments of this file."
    )
    worker: CondaStoreWorker = Field(
        default_factory=defaults(CondaStoreWorker), description="The program that builds them."
    )


class DaskGateway(Section):
    """Dask clusters of users."""

    cluster_max_workers: int | None = Field(
        None,
        ge=1,
        description="Workers of a cluster at most. Default: as many as the machine has memory for "
        "with the local provider, else no limit.",
    )
    cluster_max_cores: Cores | None = Field(
        None, description="CPU cores of all workers of a cluster together. Default: no limit."
    )
    cluster_max_memory: Memory | None = Field(
        None, description="Memory of all workers of a cluster together. Default: no limit."
    )
    max_clusters_per_user: int = Field(
        5, ge=1, description="Clusters that a user can have running at a time."
    )


class IdleCuller(Section):
    """Stops what nobody uses. All times are minutes; 0 is never."""

    server_shutdown_no_activity_timeout: Timeout = Field(
        30, description="A server stops after this long without kernels or terminals."
    )
    kernel_cull_idle_timeout: Timeout = Field(15, description="A kernel stops after this long.")
    kernel_cull_interval: Interval = Field(5, description="How often kernels are looked at.")
    kernel_cull_connected: bool = Field(True, description="Also kernels that a page shows.")
    kernel_cull_busy: bool = Field(False, description="Also kernels that compute.")
    terminal_cull_inactive_timeout: Timeout = Field(
        15, description="A terminal closes after this long."
    )
    terminal_cull_interval: Interval = Field(5, description="How often terminals are looked at.")


class JupyterLab(Section):
    """Users' servers."""

    idle_culler: IdleCuller = Field(
        default_factory=defaults(IdleCuller), description="Stops idle ones."
    )


class JupyterHub(Section):
    """The hub."""

    placeholders: int = Field(
        0,
        ge=0,
        le=1000,
        description="Kubernetes: places for servers that are kept free, so that the next ones need "
        "not wait for a node.",
    )

    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Kubernetes: Helm values of the JupyterHub chart, merged last.",
    )


class Monitoring(Section):
    """Prometheus metrics of the services."""

    enabled: bool = Field(False, description="Offer them.")


class KubeSsh(Section):
    """SSH, scp and port forwarding into a user's own server."""

    enabled: bool = Field(False, description="Offer it.")
    port: int = Field(8022, ge=1, le=65535, description="Port to listen on.")
    image: ImageName | None = Field(
        None,
        description="Kubernetes: image of its server, Python 3.11 or newer with asyncssh and "
        "tornado, for a cluster without a package index. Default: Python's own image, into which "
        "they are installed when it starts.",
    )


class JitsiMedia(Section):
    """Sound and pictures of an own Jitsi server: UDP, that Traefik has no part in."""

    service: Literal["NodePort", "LoadBalancer", "HostPort"] = Field(
        "NodePort",
        description="`NodePort`: a port of every node; `LoadBalancer`: an address that the "
        "cluster's provider gives; `HostPort`: a port of its own node, for `cluster.pod_security: "
        "privileged`.",
    )
    port: int | None = Field(
        None, ge=1, le=65_535, description="UDP port. Default: 30000 with `NodePort`, else 10000."
    )
    addresses: list[Address] = Field(
        default_factory=list,
        description="IP addresses that browsers reach it by. Default: that of its node; with "
        "`LoadBalancer` what a STUN server sees.",
    )
    annotations: dict[str, str] = Field(
        default_factory=dict,
        description="`LoadBalancer`: annotations of the Service, what it is to be like.",
    )

    @property
    def udp_port(self) -> int:
        """The port that browsers send to."""
        return self.port or (30_000 if self.service == "NodePort" else 10_000)


class Jitsi(Section):
    """Video chat in JupyterLab."""

    enabled: bool = Field(False, description="Offer it.")
    server: ServerUrl | None = Field(
        None,
        description="A Jitsi server that is there. Default: `https://meet.jit.si` for the local "
        "provider, else one of its own.",
    )
    app_id: Title | None = Field(
        None, description="`server`, where it takes tokens: the ID that these bear."
    )
    app_secret: SecretRef | None = Field(
        None, description="And the secret that they are signed with."
    )
    domain: Domain | None = Field(
        None, description="Kubernetes: name of its own server. Default: `meet.` before `domain`."
    )
    media: JitsiMedia = Field(
        default_factory=defaults(JitsiMedia),
        description="Kubernetes: how sound and pictures reach its own server.",
    )


class Mirror(Section):
    """Where a deployment without internet gets its parts from."""

    terraform_providers: FileOrAddress | None = Field(
        None, description="Folder or web address of a Terraform provider mirror."
    )
    charts: FileOrAddress | None = Field(
        None, description="Folder or web address of the Helm charts."
    )
    images: Title | None = Field(
        None, description="Registry that stands before every image, `registry.example.org/mirror`."
    )
