"""The configuration that `qhub init` writes: short, commented, valid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent, indent

from qhub.config.providers import BLOCKS, MACHINES

SCHEMA_FILE = "qhub-config.schema.json"
DEFAULT_REGIONS = {"aws": "us-west-2", "gcp": "us-central1", "azure": "centralus", "do": "nyc3"}

FIRST_ID = 20_000
"""Where uids and gids begin: past the people and services that a machine has of its own."""


@dataclass(frozen=True)
class Numbers:
    """The uid of the administrator, the gids of the two groups."""

    user: int = FIRST_ID + 1
    admin: int = FIRST_ID
    users: int = FIRST_ID + 1


@dataclass(frozen=True)
class Answers:
    """What the scaffold is made from. What is None is left out of the file.

    `certificate` None means the provider's default; `postfix` ends the name of Azure's storage
    account. `password_hash` belongs to `admin`, and is needed with `auth` "password" only.
    """

    provider: str = "local"
    project: str = "demo"
    namespace: str | None = None
    domain: str | None = None
    region: str | None = None
    kubernetes_version: str | None = None
    kube_context: str | None = None
    cloud_project: str | None = None
    postfix: str | None = None
    admin: str = "admin"
    password_hash: str | None = None
    auth: str = "password"
    certificate: str | None = None
    acme_email: str | None = None
    port: int | None = None
    address: str | None = None
    numbers: Numbers = Numbers()


def scaffold(answers: Answers) -> str:
    """The text of a configuration file. Values are not checked here: `parse` the result."""
    parts = [_head(answers), _reached(answers), _block(answers), _security(answers)]
    local = answers.provider == "local"
    storage = _STORAGE + (_SHARED if answers.provider == "existing" else "")
    parts += [_PROFILES + _GPU, _ENVIRONMENTS] if local else [_PROFILES, storage]
    return "\n".join(part for part in parts if part)


def quoted(text: str) -> str:
    """The text as YAML that nothing misreads."""
    return "'" + text.replace("'", "''") + "'"


_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9]*([-.@_][A-Za-z0-9]+)*|\d+(\.\d+){3}")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def plain(text: str) -> str:
    """As it is if nothing can misread it, else in quotes."""
    return text if _SAFE.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def _head(answers: Answers) -> str:
    lines = [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        "# Every setting: qhub-config.example.yaml. Check: qhub validate. Apply: qhub deploy.",
        f"project_name: {plain(answers.project)}",
    ]
    if answers.namespace:
        lines.append(f"namespace: {plain(answers.namespace)}")
    lines.append(f"provider: {answers.provider}")
    return "\n".join(lines) + "\n"


def _reached(answers: Answers) -> str:
    lines = []
    if answers.domain:
        lines.append(f"domain: {plain(answers.domain)}")
    if answers.certificate:
        lines.append("certificate:")
        lines.append(f"  type: {plain(answers.certificate)}")
        if answers.acme_email:
            lines.append(f"  acme_email: {plain(answers.acme_email)}")
    return "\n".join(lines) + "\n" if lines else ""


def _block(answers: Answers) -> str:
    settings: list[str] = []
    if answers.provider == "local":
        only = "   # this machine only" if not answers.address else ""
        settings.append(f"address: {plain(answers.address or '127.0.0.1')}{only}")
        settings.append(f"port: {answers.port or 8000}")
    elif answers.provider == "existing":
        context = answers.kube_context
        comment = "   # of kubectl config get-contexts; without it the current one"
        settings.append(
            f"kube_context: {quoted(context)}" if context else f"# kube_context: NAME{comment}"
        )
        settings.append("node_selectors:")
        for name in ("general", "user", "worker"):
            settings.append(f"  {name}: {{key: kubernetes.io/os, value: linux}}")
    else:
        settings += _cloud(answers)
    return f"{BLOCKS[answers.provider]}:\n" + indent("\n".join(settings), "  ") + "\n"


def _cloud(answers: Answers) -> list[str]:
    settings = []
    if answers.provider == "gcp":
        settings.append(f"project: {plain(answers.cloud_project or '')}")
    settings.append(f"region: {plain(answers.region or DEFAULT_REGIONS[answers.provider])}")
    if answers.kubernetes_version:
        settings.append(f"kubernetes_version: {quoted(answers.kubernetes_version)}")
    if answers.provider == "azure":
        settings.append(f"storage_account_postfix: {quoted(answers.postfix or '')}")
    settings.append("node_groups:   # general: services, user: servers, worker: Dask")
    for name, (instance, least, most) in MACHINES[answers.provider].items():
        sizes = f"{{instance: {instance}, min_nodes: {least}, max_nodes: {most}}}"
        settings.append(f"  {name}: {sizes}")
    return settings


_AUTHENTICATION = {
    "password": "type: password\n",
    "GitHub": """\
type: GitHub
config:
  client_id: CLIENT_ID   # of the OAuth app at GitHub
  client_secret: {env: GITHUB_CLIENT_SECRET}
""",
    "Auth0": """\
type: Auth0
config:
  client_id: CLIENT_ID   # of the application at Auth0
  client_secret: {env: AUTH0_CLIENT_SECRET}
  auth0_subdomain: SUBDOMAIN   # of SUBDOMAIN.auth0.com
""",
}


def _security(answers: Answers) -> str:
    password = f"      password: {quoted(answers.password_hash)}\n" if answers.password_hash else ""
    return (
        "security:\n"
        + "  authentication:\n"
        + indent(_AUTHENTICATION[answers.auth], "    ")
        + "  users:   # only these can log in; `qhub hash-password` makes another hash\n"
        + f"    {plain(answers.admin)}:\n"
        + f"      uid: {answers.numbers.user}\n"
        + password
        + "      primary_group: admin   # its members administer the hub\n"
        + "      secondary_groups: [users]\n"
        + "  groups:   # each has a shared folder\n"
        + f"    admin: {{gid: {answers.numbers.admin}}}\n"
        + f"    users: {{gid: {answers.numbers.users}}}\n"
    )


_PROFILES = dedent("""\
    profiles:
      jupyterlab:   # sizes of server to choose from; G is 2^30 bytes
        - display_name: Small
          description: For everyday work
          default: true
          kubespawner_override:
            {cpu_limit: 1, cpu_guarantee: 0.5, mem_limit: 2G, mem_guarantee: 1G}
        - display_name: High memory
          description: For large data
          groups: [admin]   # only they see it
          kubespawner_override:
            {cpu_limit: 2, cpu_guarantee: 1, mem_limit: 8G, mem_guarantee: 4G}
    """)

_GPU = indent(
    dedent("""\
        - display_name: GPU   # offered only where this machine has one
          description: For training models
          kubespawner_override:
            {cpu_limit: 2, mem_limit: 8G, extra_resource_limits: {nvidia.com/gpu: 1}}
        """),
    "    ",
)

# The package index has all of it: no conda channel is asked where only Python and pip are named.
_ENVIRONMENTS = dedent("""\
    environments:   # each a kernel; those with dask-gateway run Dask clusters, too
      dask:
        name: dask
        dependencies:
          - python
          - pip: [pandas, matplotlib, 'dask[dataframe]', dask-gateway, bokeh]
    """)

_STORAGE = dedent("""\
    storage:
      conda_store: 60Gi
      shared_filesystem: 100Gi   # homes and shared folders
    """)

_SHARED = """\
  # shared_storage_class: NAME   # that several nodes can mount; without it an NFS server is brought
"""
