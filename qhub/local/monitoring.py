"""Metrics for Prometheus: of hub, proxy and gateway, all on the hub's address, with one token.

Off, nothing of it exists. On, `private/prometheus.yml` is what Prometheus has to be told.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from qhub.hub.dask_service import PREFIX
from qhub.hub.monitoring import GATEWAY_PATH, HUB_PATH, PROXY_PATH, SERVICE
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, secret, write_private

__all__ = ["SERVICE", "apply", "notices", "of_proxy", "token"]

JOBS = {
    "qhub-hub": HUB_PATH,
    "qhub-proxy": PROXY_PATH,
    "qhub-dask-gateway": f"{PREFIX}{GATEWAY_PATH}",
}
"""Where each program's metrics are, below the hub's address."""
_TOKEN, _SCRAPE, _RULES = f"token-{SERVICE}", "prometheus.yml", "metrics.yaml"


def token(machine: Machine) -> str:
    """What Prometheus shows; made at the first call."""
    return secret(machine.private / _TOKEN)


def of_proxy(enabled: bool) -> dict[str, Any]:
    """Traefik's own settings: it counts, and answers where `apply` routes to it."""
    return {"metrics": {"prometheus": {"manualRouting": True}}} if enabled else {}


def apply(machine: Machine, enabled: bool) -> None:
    """Write route, token and what Prometheus has to be told; or have none of them."""
    rules = ensure_folder(machine.private / "proxy", 0o700) / _RULES
    if enabled:
        token(machine)
        write_private(rules, json.dumps(_route(machine)) + "\n")  # JSON is YAML
        write_private(machine.private / _SCRAPE, _scrape_config(machine))
        return
    for path in (rules, machine.private / _SCRAPE, machine.private / _TOKEN):
        path.unlink(missing_ok=True)


def _route(machine: Machine) -> dict[str, Any]:
    """The proxy's metrics on the hub's address; who may read the hub's may read them, too."""
    router = {
        "rule": f"Path(`{PROXY_PATH}`)",
        "entryPoints": ["http"],
        "service": "prometheus@internal",
        "middlewares": ["metrics-readers"],
    }
    address = f"http://127.0.0.1:{machine.ports['hub']}{HUB_PATH}"
    return {
        "http": {
            "routers": {"metrics": router},
            "middlewares": {"metrics-readers": {"forwardAuth": {"address": address}}},
        }
    }


def _scrape_config(machine: Machine) -> str:
    where = urlsplit(machine.url)
    jobs = [
        {
            "job_name": name,
            "scheme": where.scheme,
            "metrics_path": path,
            "authorization": {"credentials_file": str(machine.private / _TOKEN)},
            "static_configs": [
                {"targets": [where.netloc], "labels": {"deployment": machine.project_name}}
            ],
        }
        | (
            {"tls_config": {"insecure_skip_verify": True}}
            if machine.certificate.type == "self-signed"
            else {}
        )
        for name, path in JOBS.items()
    ]
    lines = "\n".join(f"  - {json.dumps(job)}" for job in jobs)
    head = "# What Prometheus has to be told to read this deployment's metrics.\nscrape_configs:\n"
    return f"{head}{lines}\n"


def notices(machine: Machine) -> list[str]:
    """Where Prometheus is told what to read; nothing where that is off."""
    path = machine.private / _SCRAPE
    return [f"metrics for Prometheus: {path} has its scrape_configs"] if path.is_file() else []
