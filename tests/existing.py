"""Configurations of `provider: existing`, one for each choice that a cluster notices."""

from __future__ import annotations

from qhub.config import Config, parse

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b+dWRWJTmaaJObGJObGJObGJOb"
NAMESPACE = "qhub-dry-run"
HEAD = f"""\
project_name: demo
namespace: {NAMESPACE}
provider: existing
domain: hub.example.org
security:
  users:
    alice: {{uid: 20001, primary_group: admin, secondary_groups: [users], password: '{HASH}'}}
    bob: {{uid: 20002, primary_group: users, password: '{HASH}'}}
  groups:
    admin: {{gid: 20000}}
    users: {{gid: 20001, access: read-only}}
"""
LETS_ENCRYPT = "certificate: {type: lets-encrypt, acme_email: ops@example.org"
CHOICES = {
    "minimal": "",
    "certificate-self-signed": "certificate: {type: self-signed}",
    "certificate-existing": "certificate: {type: existing, secret_name: hub-tls}",
    "certificate-disabled": "certificate: {type: disabled}",
    "lets-encrypt": LETS_ENCRYPT + "}",
    "lets-encrypt-tls": LETS_ENCRYPT + ", acme_challenge_type: tls}",
    "lets-encrypt-dns": LETS_ENCRYPT + ", acme_challenge_type: dns}\n"
    "dns: {provider: cloudflare, credentials: {api_token: {env: HOME}}}",
    "dns-record": "dns: {provider: cloudflare, credentials: {api_token: {env: HOME}}, "
    "auto_provision: true}",
    "lets-encrypt-route53": LETS_ENCRYPT + ", acme_challenge_type: dns}\ndns: {provider: route53}",
    "node-ports": """\
ingress:
  service: NodePort
  node_ports: {http: 30080, https: 30443, ssh: 30022}
kubessh: {enabled: true, port: 2222}
""",
    "load-balancer": """\
ingress:
  annotations: {example.org/kind: internal}
  source_ranges: [192.0.2.0/24]
""",
    "nodes": """\
existing:
  node_selectors:
    general: {key: pool, value: general}
    user: {key: pool, value: user}
    worker: {key: pool, value: worker}
""",
    "gpu": """\
profiles:
  jupyterlab:
    - display_name: GPU
      groups: [users]
      kubespawner_override:
        cpu_limit: 4
        mem_limit: 16G
        image: registry.example.org:5000/team/gpu:2026.11
        environment: {GREETING: 'it costs ${money} and %{more}'}
        extra_resource_limits: {nvidia.com/gpu: 1}
        node_selector: {size: gpu}
  dask_worker:
    GPU Worker:
      worker_cores_limit: 1
      worker_cores: 1
      worker_memory_limit: 2G
      worker_memory: 1G
      image: team/dask-worker:2026.11
      users: [alice]
dask_gateway: {cluster_max_workers: 8, max_clusters_per_user: 2}
""",
    "own-homes": """\
storage:
  home: 10Gi
  shared_filesystem: 50Gi
  shared_storage_class: nfs
  shared_access_mode: ReadWriteOnce
""",
    "services": """\
kubessh: {enabled: true}
jitsi: {enabled: true}
monitoring: {enabled: true}
conda_store: {enabled: true, worker: {max_workers: 1}}
environments:
  data:
    name: data
    channels: [conda-forge]
    dependencies: [python=3.12, pandas, {pip: [polars]}]
    groups: [users]
""",
    "no-services": """\
conda_store: {enabled: false}
jupyterlab: {idle_culler: {server_shutdown_no_activity_timeout: 0}}
""",
    "jitsi-of-others": "jitsi: {enabled: true, server: 'https://meet.example.org'}",
    "jitsi-of-others-with-tokens": """\
jitsi: {enabled: true, server: 'https://meet.example.org', app_id: demo, app_secret: {env: HOME}}
""",
    "jitsi-by-a-load-balancer": """\
jitsi:
  enabled: true
  domain: talk.example.org
  media: {service: LoadBalancer, addresses: [192.0.2.7], annotations: {example.org/kind: udp}}
""",
    "jitsi-by-ports-of-its-node": """\
cluster: {pod_security: privileged}
jitsi: {enabled: true, media: {service: HostPort, port: 10001}}
""",
    "mirrored-images": "mirror: {images: registry.example.org/mirror}",
    "own-images": """\
default_images:
  jupyterhub: registry.example.org:5000/team/hub:1
  jupyterlab: team/lab@sha256:{digest}
  dask_worker: team/dask-worker:2026.11
  dask_gateway: team/dask-gateway:2026.3
  conda_store: team/conda-store:2025.2
  nfs_server: registry.example.org:5000/team/ganesha:4
""".replace("{digest}", "0123456789abcdef" * 4),
    "limits": """\
cluster:
  pod_security: privileged
  quota: {requests.cpu: '64', requests.memory: 256Gi, pods: '200'}
  container_limits:
    default: {memory: 1Gi}
    default_request: {cpu: 50m, memory: 64Mi}
    max: {cpu: '8', memory: 64Gi}
jupyterhub: {placeholders: 2}
""",
    "github": """\
security:
  authentication:
    type: GitHub
    config: {client_id: abc, client_secret: {env: GITHUB_CLIENT_SECRET}}
  users: {alice: {uid: 20001, primary_group: admin}}
  groups: {admin: {gid: 20000}}
""",
    "overrides": """\
jupyterhub:
  overrides:
    hub: {resources: {limits: {memory: 2Gi}}, allowNamedServers: true}
    singleuser: {extraLabels: {team: science}}
""",
}
TOGETHER = ("lets-encrypt-dns", "nodes", "gpu", "own-homes", "services", "own-images", "overrides")
CHOICES["everything"] = "\n".join(CHOICES[choice] for choice in TOGETHER)


def text(choice: str) -> str:
    """The file of a choice."""
    settings = CHOICES[choice]
    head = HEAD.partition("security:")[0] if settings.startswith("security:") else HEAD
    return f"{head}{settings}\n"


def config(choice: str) -> Config:
    """A choice as it is loaded."""
    return parse(text(choice))
