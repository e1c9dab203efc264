"""The whole configuration file as one model."""

from typing import Any, Literal

from pydantic import Field, PrivateAttr

from qhub.config.document import Document
from qhub.config.fields import Domain, Namespace, ProjectName, Section, defaults
from qhub.config.profiles import Environment, Profiles
from qhub.config.providers import (
    BLOCKS,
    AmazonWebServices,
    Azure,
    DigitalOcean,
    Existing,
    GoogleCloudPlatform,
    Local,
    ProviderName,
)
from qhub.config.security import Security
from qhub.config.services import (
    Certificate,
    CiCd,
    ClusterLimits,
    CondaStore,
    DaskGateway,
    DefaultImages,
    Dns,
    Ingress,
    Jitsi,
    JupyterHub,
    JupyterLab,
    KubeSsh,
    Mirror,
    Monitoring,
    Storage,
    TerraformState,
    Theme,
)

Target = Local | Existing | AmazonWebServices | GoogleCloudPlatform | Azure | DigitalOcean


def _certificate(data: dict[str, Any]) -> Certificate:
    local = data.get("provider", "local") == "local"
    return Certificate.model_construct(type="disabled" if local else "self-signed")


def _state(data: dict[str, Any]) -> TerraformState:
    local = data.get("provider", "local") == "local"
    return TerraformState.model_construct(type="local" if local else "remote")


class Config(Section):
    """A deployment: everything that `qhub-config.yaml` says, with the defaults filled in.

    Made by `load` or `parse`, which also check what holds between sections (groups exist, uids
    are unique, …); `Config.model_validate` alone checks each value for itself.
    """

    project_name: ProjectName = Field(description="Begins the name of everything that is made.")
    namespace: Namespace = Field(
        "dev", description="Kubernetes namespace; tells deployments of a project apart."
    )
    provider: ProviderName = Field("local", description="Where it runs.")
    domain: Domain | None = Field(
        None, description="The address that users open. Needed by every provider but `local`."
    )
    certificate: Certificate = Field(
        default_factory=_certificate, description="The certificate of that address."
    )
    ingress: Ingress = Field(
        default_factory=defaults(Ingress),
        description="Kubernetes: how the cluster is reached from outside.",
    )
    dns: Dns = Field(default_factory=defaults(Dns), description="The DNS record of that address.")
    terraform_state: TerraformState = Field(
        default_factory=_state,
        description="Where Terraform keeps what it made. Default: `local` for the local provider, "
        "else `remote`.",
    )
    ci_cd: CiCd | None = Field(None, description="Deploying from a Git repository.")
    security: Security = Field(description="Users, groups and the way to log in.")

    local: Local = Field(
        default_factory=defaults(Local), description="Settings of `provider: local`."
    )
    existing: Existing = Field(
        default_factory=defaults(Existing), description="Settings of `provider: existing`."
    )
    amazon_web_services: AmazonWebServices | None = Field(
        None, description="Settings of `provider: aws`."
    )
    google_cloud_platform: GoogleCloudPlatform | None = Field(
        None, description="Settings of `provider: gcp`."
    )
    azure: Azure | None = Field(None, description="Settings of `provider: azure`.")
    digital_ocean: DigitalOcean | None = Field(None, description="Settings of `provider: do`.")

    profiles: Profiles = Field(
        default_factory=defaults(Profiles), description="Sizes of servers and Dask workers."
    )
    environments: dict[str, Environment] = Field(
        default_factory=dict, description="conda environments, each a kernel."
    )
    jupyterlab: JupyterLab = Field(
        default_factory=defaults(JupyterLab), description="Users' servers."
    )
    jupyterhub: JupyterHub = Field(default_factory=defaults(JupyterHub), description="The hub.")
    theme: Theme = Field(default_factory=defaults(Theme), description="Colours and words.")
    default_images: DefaultImages = Field(
        default_factory=defaults(DefaultImages),
        description="Kubernetes: images that nothing else names.",
    )
    cluster: ClusterLimits = Field(
        default_factory=defaults(ClusterLimits),
        description="Kubernetes: what holds for everything in the namespace.",
    )
    storage: Storage = Field(
        default_factory=defaults(Storage), description="Kubernetes: the volumes."
    )
    conda_store: CondaStore = Field(
        default_factory=defaults(CondaStore),
        description="Where users make environments of their own.",
    )
    dask_gateway: DaskGateway = Field(
        default_factory=defaults(DaskGateway), description="Dask clusters of users."
    )
    monitoring: Monitoring = Field(
        default_factory=defaults(Monitoring), description="Prometheus metrics of the services."
    )
    kubessh: KubeSsh = Field(
        default_factory=defaults(KubeSsh), description="SSH into a user's own server."
    )
    jitsi: Jitsi = Field(default_factory=defaults(Jitsi), description="Video chat in JupyterLab.")
    mirror: Mirror = Field(
        default_factory=defaults(Mirror),
        description="Where a deployment without internet gets its parts.",
    )

    _source: Document | None = PrivateAttr(None)

    @property
    def source(self) -> Document | None:
        """The file it was read from, to say where something stands; None if it was made in code."""
        return self._source

    def attach(self, source: Document) -> None:
        """Remember the file it was read from."""
        self._source = source

    @property
    def target(self) -> Target:
        """The settings of the provider in use."""
        block = getattr(self, BLOCKS[self.provider])
        assert isinstance(block, Target)  # noqa: S101 - `load` has seen to it
        return block

    @property
    def platform(self) -> Literal["processes", "kubernetes"]:
        """What the services run as."""
        return "processes" if self.provider == "local" else "kubernetes"

    @property
    def has_conda_store(self) -> bool:
        """Whether conda-store runs."""
        asked = self.conda_store.enabled
        return self.platform == "kubernetes" if asked is None else asked

    def is_admin(self, name: str) -> bool:
        """Whether the user `name` administers the hub: a member of the group `admin`."""
        user = self.security.users.get(name)
        return user is not None and "admin" in user.groups
