"""What the local target is told: the inputs of its Terraform modules, typed.

`MachineSettings` is the `terraform.tfvars.json` of 02-infrastructure, `HubSettings` that of
05-jupyterhub, `DaskGatewaySettings` that of 06-dask-gateway, `EnvironmentsSettings` that of
07-conda-store, `CondaStoreSettings` that of 07-conda-store-server, `SshSettings` that of
08-kubessh, `JitsiSettings` that of 09-jitsi. Times are minutes, memory is bytes, processors are
cores.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Certificate(_Settings):
    """Where the certificate of the hub's address comes from."""

    type: Literal["disabled", "self-signed", "existing"] = Field(
        "disabled", description="disabled: plain HTTP; existing: the two files"
    )
    certificate_file: Path | None = Field(None, description="PEM, with intermediates")
    key_file: Path | None = Field(None, description="PEM, unencrypted")


class MachineSettings(_Settings):
    """How the deployment lives on this machine."""

    project_name: str = Field(description="names the folder and the hub")
    namespace: str | None = Field(None, description="tells deployments of one project apart")
    directory: Path | None = Field(None, description="folder of everything; null: chosen")
    isolation: Literal["auto", "unix", "bwrap", "none"] = Field(
        "auto",
        description="unix: each person a Unix user; else all run as who deploys, bwrap: each in "
        "a sandbox",
    )
    python: Path | None = Field(None, description="interpreter of the services; null: chosen")
    address: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    allow_insecure: bool = Field(False, description="allow plain HTTP beyond loopback")
    certificate: Certificate = Field(default_factory=lambda: Certificate(type="disabled"))


class Hash(_Settings):
    """A password's hash: argon2 or bcrypt."""

    hash: str = Field(pattern=r"^\$(argon2(id|i|d)|2[abxy])\$")


class FromEnvironment(_Settings):
    """A secret in an environment variable, read while deploying."""

    env: str


class FromFile(_Settings):
    """A secret in a file, read while deploying; relative to the deployment's folder."""

    file: Path


Reference = FromEnvironment | FromFile
Password = Hash | Reference


class User(_Settings):
    """A person who may log in."""

    uid: int = Field(ge=1, lt=2**31)
    password: Password | None = Field(None, description="null: can't log in with a password")
    admin: bool = False
    primary_group: str
    groups: list[str] = Field(description="all groups, the primary one among them")


class Group(_Settings):
    """People who share a folder."""

    gid: int = Field(ge=1, lt=2**31)
    access: Literal["read-write", "read-only", "public-read"] = Field(
        "read-write", description="who reads and writes their folder, see `qhub.hub.shares`"
    )


class Profile(_Settings):
    """A size of notebook server to choose from; null users and groups: for everybody."""

    display_name: str
    description: str = ""
    default: bool = False
    users: list[str] | None = None
    groups: list[str] | None = None
    cpu_limit: float | None = Field(None, gt=0, description="cores")
    cpu_guarantee: float | None = Field(None, gt=0, description="cores")
    mem_limit: int | None = Field(None, gt=0, description="bytes")
    mem_guarantee: int | None = Field(None, gt=0, description="bytes")
    gpus: int = Field(0, ge=0)
    environment: dict[str, str] = Field(default_factory=dict)


class Theme(_Settings):
    """How the hub's own pages look."""

    hub_title: str = "QHub"
    hub_subtitle: str = ""
    welcome: str = ""
    logo: str | None = Field(None, description="URL or file; null: the one that comes along")
    favicon: str | None = Field(None, description="URL or file; null: JupyterHub's")
    primary_color: str = "#4f4173"
    secondary_color: str = "#957da6"
    accent_color: str = "#32c574"
    text_color: str = "#111111"
    h1_color: str = "#652e8e"
    h2_color: str = "#652e8e"


class IdleCuller(_Settings):
    """When what nobody uses is stopped, in minutes; 0: never."""

    server_shutdown_no_activity_timeout: int = Field(30, ge=0)
    kernel_cull_idle_timeout: int = Field(15, ge=0)
    kernel_cull_interval: int = Field(5, ge=1)
    kernel_cull_connected: bool = True
    kernel_cull_busy: bool = False
    terminal_cull_inactive_timeout: int = Field(15, ge=0)
    terminal_cull_interval: int = Field(5, ge=1)


class Authentication(_Settings):
    """How people prove who they are. Only listed users may log in, whatever the type."""

    type: Literal["password", "GitHub", "GitLab", "Google", "Auth0", "OIDC", "custom"] = "password"
    authentication_class: str | None = Field(None, description="custom: module.Class")
    config: dict[str, Any] = Field(
        default_factory=dict, description="the authenticator's settings; secrets as references"
    )


class RoomAccess(_Settings):
    """A Jitsi server that lets in who has a token of the hub."""

    server: str = Field(description="its address")
    app_id: str = Field(description="what tokens bear")
    app_secret: Reference | None = Field(description="what they are signed with")
    subject: str = Field(description="the name by which the server knows itself")
    project: str = Field(description="begins the names of rooms")


class HubSettings(_Settings):
    """Who uses the hub, with what, and how it looks."""

    project_name: str
    users: dict[str, User]
    groups: dict[str, Group]
    profiles: list[Profile] = Field(min_length=1)
    theme: Theme = Field(default_factory=Theme)
    idle_culler: IdleCuller = Field(default_factory=lambda: IdleCuller())
    authentication: Authentication = Field(default_factory=lambda: Authentication())
    monitoring: bool = Field(False, description="whether Prometheus may read metrics")
    room_access: RoomAccess | None = Field(
        None, description="null: whoever knows the name of a room of video chat gets in"
    )
    conda_store: str | None = Field(
        None, description="where conda-store runs beside: the namespace that everybody sees"
    )


class EnvironmentSettings(_Settings):
    """An environment that is built ahead."""

    channels: list[str] = Field(description="where conda packages come from")
    conda: list[str] = Field(description="requirements, as conda reads them")
    pip: list[str] = Field(description="requirements, as pip reads them")
    groups: dict[str, int] | None = Field(None, description="gid of each that may; null: all may")


class EnvironmentsSettings(_Settings):
    """The environments of a deployment, by name."""

    environments: dict[str, EnvironmentSettings]
    max_workers: int = Field(2, ge=1, description="how many are built at a time")


class Person(_Settings):
    """Somebody's numbers and groups."""

    uid: int = Field(ge=1, lt=2**31)
    primary_group: str
    groups: list[str] = Field(description="all groups, the primary one among them")


class CondaStoreUser(Person):
    """Somebody who may build environments."""

    admin: bool = Field(False, description="whether they may do everything there")


class CondaStoreSettings(_Settings):
    """Who makes environments of their own at conda-store, and what of."""

    channels: list[str] = Field(
        min_length=1, description="where it comes from itself, and environments by default"
    )
    default_namespace: str = Field("global", description="the namespace that everybody sees")
    max_workers: int = Field(2, ge=1, description="how many environments are built at a time")
    users: dict[str, CondaStoreUser]
    groups: dict[str, Group]


class Worker(_Settings):
    """A size of Dask worker to choose from; null users and groups: for everybody."""

    display_name: str
    users: list[str] | None = None
    groups: list[str] | None = None
    cpu_limit: float = Field(gt=0, description="cores")
    cpu_guarantee: float | None = Field(None, gt=0, description="cores")
    mem_limit: int = Field(gt=0, description="bytes")
    mem_guarantee: int | None = Field(None, gt=0, description="bytes")
    threads: int = Field(1, ge=1)


class DaskGatewaySettings(_Settings):
    """Who may start Dask clusters, of which workers, and when idle ones end."""

    users: dict[str, Person]
    groups: dict[str, Group]
    workers: list[Worker]
    idle_timeout: float = Field(30, ge=0, description="minutes without work; 0: never")
    cluster_max_workers: int | None = Field(
        None, ge=1, description="of a cluster; null: as many as the machine has memory for"
    )
    cluster_max_cores: float | None = Field(None, gt=0, description="of all workers of a cluster")
    cluster_max_memory: int | None = Field(None, gt=0, description="of these, in bytes")
    max_clusters_per_user: int = Field(5, ge=1, description="how many run at a time")
    monitoring: bool = Field(False, description="whether Prometheus may read metrics")


class SshUser(Person):
    """Who may log in over SSH, and as whom."""

    ssh_keys: list[str] = Field(default_factory=list, description="public keys, as OpenSSH's")


class SshSettings(_Settings):
    """Who may log in over SSH, and where."""

    port: int = Field(8022, ge=1, le=65535, description="port to listen on")
    users: dict[str, SshUser]
    groups: dict[str, Group]


class JitsiSettings(_Settings):
    """Whose rooms are where."""

    project_name: str = Field(description="begins the names of rooms")
    server: str = Field(description="address of the Jitsi server")
    door: bool = Field(False, description="whether the hub leads on into rooms, with tokens")
    users: dict[str, Person]
