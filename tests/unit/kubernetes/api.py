"""An API server for one test: its objects are a dictionary, by path."""

from __future__ import annotations

import base64
import copy
import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from qhub.kubernetes.cluster import Access, Cluster

KINDS = {
    "/api/v1": {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"},
    "/apis/apps/v1": {"Deployment": "deployments", "StatefulSet": "statefulsets"},
}
PLURALS = {name for kinds in KINDS.values() for name in kinds.values()}
PLURALS |= {"pods", "nodes", "persistentvolumeclaims"}


@dataclass
class Api:
    """What the server has and was asked; `objects` and `logs` by path without the host."""

    cluster: Cluster
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, *manifests: dict[str, Any], namespace: str = "demo") -> None:
        """Put objects in, as if they had been applied."""
        for one in manifests:
            base = f"/apis/{one['apiVersion']}" if "/" in one["apiVersion"] else "/api/v1"
            kind = {**KINDS["/api/v1"], **KINDS["/apis/apps/v1"]}.get(one["kind"], "")
            kind = kind or one["kind"].lower() + "s"
            path = f"{base}/namespaces/{namespace}/{kind}/{one['metadata']['name']}"
            self.objects[path] = copy.deepcopy(one)

    def release(self, name: str, manifest: str, revision: int = 1, state: str = "deployed") -> None:
        """Put a Helm release in, as Helm keeps it."""
        said = {
            "name": name,
            "namespace": "demo",
            "version": revision,
            "info": {"status": state, "last_deployed": "2026-11-25T10:00:00Z"},
            "chart": {"metadata": {"name": name, "version": "1.2.3"}},
            "manifest": manifest,
        }
        labels = {"owner": "helm", "name": name, "version": str(revision), "status": state}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"sh.helm.release.v1.{name}.v{revision}",
                "labels": labels,
            },
            "data": {"release": packed(said)},
        }
        self.add(secret)


def packed(revision: dict[str, Any]) -> str:
    """A revision as Helm writes it into a Secret."""
    inner = base64.b64encode(gzip.compress(json.dumps(revision).encode()))
    return base64.b64encode(inner).decode()


@contextmanager
def api(folder: Path) -> Iterator[Api]:
    """A server that answers while the block lasts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = self._asked()
            if path in KINDS:
                resources = [
                    {"name": name, "kind": kind, "namespaced": True}
                    for kind, name in KINDS[path].items()
                ]
                return self._answer({"resources": resources})
            if path in served.logs:
                text = "".join(f"{line}\n" for line in served.logs[path])
                return self._send(text.encode())
            if path in served.objects:
                return self._answer(served.objects[path])
            below = [
                one
                for name, one in served.objects.items()
                if name.rpartition("/")[0] == path and _chosen(one, query)
            ]
            is_list = path.rpartition("/")[2] in PLURALS and "metrics" not in path
            if not below and not is_list:
                return self._none()
            # As a real one has it, no metadata is no list.
            brief = "PartialObjectMetadataList" in self.headers["Accept"]
            return self._answer({"items": None if brief and not below else below})

        def do_PATCH(self) -> None:
            path, query = self._asked()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            patched = _merged(served.objects[path], body)
            if "dryRun" not in query:
                served.objects[path] = patched
            self._answer(patched)

        def do_POST(self) -> None:
            path, _ = self._asked()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.objects[f"{path}/{body['metadata']['name']}"] = body
            self._answer(body)

        def do_DELETE(self) -> None:
            path, _ = self._asked()
            self._answer(served.objects.pop(path))

        def _asked(self) -> tuple[str, dict[str, list[str]]]:
            served.asked.append(f"{self.command} {self.path}")
            parts = urlsplit(self.path)
            return parts.path, parse_qs(parts.query)

        def _answer(self, body: Any) -> None:
            self._send(json.dumps(body).encode())

        def _none(self) -> None:
            self._send(json.dumps({"message": "not found"}).encode(), 404)

        def _send(self, content: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        kubeconfig = folder / "kubeconfig"
        where = f"http://127.0.0.1:{server.server_port}"
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "ada"}}],
                    "clusters": [{"name": "lab", "cluster": {"server": where}}],
                    "users": [{"name": "ada", "user": {"token": "x"}}],
                    "current-context": "lab",
                }
            )
        )
        served = Api(Cluster(Access((str(kubeconfig),), "lab")))
        yield served
        server.shutdown()


def _chosen(one: dict[str, Any], query: dict[str, list[str]]) -> bool:
    selector = dict(
        part.split("=") for part in query.get("labelSelector", [""])[0].split(",") if part
    )
    return selector.items() <= one["metadata"].get("labels", {}).items()


def _merged(live: Any, patch: Any) -> Any:
    if not isinstance(patch, dict) or not isinstance(live, dict):
        return patch
    merged = dict(live)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(live.get(key), value)
    return merged
