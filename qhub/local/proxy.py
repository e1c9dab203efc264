"""Traefik's settings: where it listens, what it adds to requests and answers.

Its routes are in `private/proxy/rules.toml`, which the hub writes; what holds for all of them is in
`qhub.yaml` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qhub.hub import login_sign
from qhub.local import certificates
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, secret, write_private

HTTPS_PORT = 443
_YEAR = 365 * 24 * 3600


def settings_file(machine: Machine) -> Path:
    """What Traefik reads when it starts; other files in its folder it reads when they change."""
    return machine.private / "traefik.json"


def write(machine: Machine, more: Mapping[str, Any]) -> None:
    """Write all but the routes; `more` are further settings of Traefik's own."""
    rules = ensure_folder(machine.private / "proxy", 0o700)
    static = _static(machine, rules) | dict(more)
    write_private(settings_file(machine), json.dumps(static, indent=1) + "\n")
    write_private(rules / "qhub.yaml", json.dumps(_dynamic(machine), indent=1))  # JSON is YAML


def _static(machine: Machine, rules: Path) -> dict[str, Any]:
    host = f"[{machine.address}]" if ":" in machine.address else machine.address
    entry: dict[str, Any] = {
        "address": f"{host}:{machine.port}",
        "transport": {"respondingTimeouts": {"readTimeout": "10m"}},  # else uploads end after one
        # With no forwardedHeaders, what visitors say of where they come from is dropped.
        "http": {"middlewares": ["answers@file"], "aliasHeadersStrategy": "delete"},
    }
    if machine.certificate.type != "disabled":
        entry["http"]["tls"] = {}
    return {
        "api": {"dashboard": False},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN"},
        "providers": {
            "providersThrottleDuration": "0s",
            "file": {"directory": str(rules), "watch": True},
        },
        "entryPoints": {
            "http": entry,
            "auth_api": {
                "address": f"127.0.0.1:{machine.ports['proxy']}",
                "http": {"aliasHeadersStrategy": "delete"},
            },
        },
    }


def _dynamic(machine: Machine) -> dict[str, Any]:
    """Headers for all answers; and for the login page, a sign that it was asked through here."""
    sign = login_sign.authorization(secret(machine.private / "token-login"))
    hub = f"http://127.0.0.1:{machine.ports['hub']}"
    found: dict[str, Any] = {
        "http": {
            "routers": {
                "login": {
                    "rule": f"Path(`{login_sign.LOGIN}`)",
                    "entryPoints": ["http"],
                    "service": "login",
                    "middlewares": ["through-proxy"],
                }
            },
            "services": {"login": {"loadBalancer": {"servers": [{"url": hub}]}}},
            "middlewares": {
                "through-proxy": {"headers": {"customRequestHeaders": {"Authorization": sign}}},
                "answers": {"headers": _headers(machine)},
            },
        }
    }
    if machine.certificate.type != "disabled":
        certificate, key = certificates.files(machine)
        found["tls"] = {
            "stores": {
                "default": {
                    "defaultCertificate": {"certFile": str(certificate), "keyFile": str(key)}
                }
            },
            "options": {"default": {"minVersion": "VersionTLS12"}},
        }
    return found


def _headers(machine: Machine) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "contentTypeNosniff": True,
        "referrerPolicy": "same-origin",
        "customResponseHeaders": {"Server": ""},  # whose version is nobody's business
    }
    # A browser keeps to it for all ports of the name, and then lets nobody past a bad certificate.
    if machine.certificate.type == "existing" and machine.port == HTTPS_PORT:
        headers["stsSeconds"] = _YEAR
    return headers
