"""A cluster: `qhub deploy` against the same charts with the same values, by hand with helm.

Needs what the tests of the cluster need (KUBECONFIG, QHUB_TEST_MIRROR), `helm` and `kubectl`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.result import Result, seconds
from qhub.kubernetes.cluster import Access, Cluster
from qhub.stages.base import Place
from qhub.stages.dask_gateway import definitions
from qhub.terraform import find_engine
from tests.cluster.deployment import ClusterDeployment, new_deployment

RELEASES = ("traefik", "jupyterhub", "dask-access", "dask-gateway")
OWN = "app.kubernetes.io/part-of=qhub,app.kubernetes.io/managed-by=terraform"
KINDS = ("namespace", "priorityclass", "configmap", "secret", "pvc", "networkpolicy", "job")
"""What stages make beside their releases, in the order in which it can be made."""

TIMED = """\
#!/bin/sh
began=$(date +%s.%N)
"$TIMED_PROGRAM" "$@"
code=$?
echo "$began $(date +%s.%N)" >> "$TIMES"
exit $code
"""
Span = tuple[float, float]


def run() -> Iterator[Result]:
    """Deploy and destroy in a namespace of its own; leaves nothing."""
    for program in ("helm", "kubectl"):
        if not shutil.which(program):
            sys.exit(f"needs {program}")
    cluster = Cluster(Access.find(None))
    with tempfile.TemporaryDirectory(prefix="qhub-bench-") as folder, ExitStack() as last:
        deployment = new_deployment(cluster, Path(folder))
        last.callback(deployment.qhub, "destroy", "--yes")
        first = timed(deployment)
        again = timed(deployment)
        recorded = Recorded.of(deployment)
        deployment.destroy()
        # Kinds that other deployments of the cluster share; theirs is no time of this one's.
        kinds = definitions(Place(cluster.access.context, recorded.namespace, "by-hand"), print)
        kinds.hold()
        try:
            hand = seconds(recorded.install)
        finally:
            recorded.remove()
            kinds.release()
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    yield Result(
        "first `qhub deploy` / helm by hand, one after another", first.total, hand, 1, load
    )
    told = "all but Terraform's time and waiting for pods"
    yield Result("runner's own share of a first deploy", first.own, first.total, 0.05, told)
    told = f"{again.own:.1f} s of it neither Terraform nor checks; {load}"
    yield Result("`qhub deploy` with nothing to change / 10 s", again.total, 10, 1, told)


@dataclass(frozen=True)
class Timing:
    """How long a deploy took, and how much of it was the runner's own."""

    total: float
    own: float


def timed(deployment: ClusterDeployment) -> Timing:
    """Deploy, with a Terraform that notes when it was at work."""
    program, times = deployment.folder / "terraform", deployment.folder / "times"
    program.write_text(TIMED)
    program.chmod(0o755)
    times.write_text("")
    [real] = find_engine().command
    noting = {"QHUB_TERRAFORM": str(program), "TIMED_PROGRAM": real, "TIMES": str(times)}
    os.environ.update(noting)
    waits: list[Span] = []
    checking: dict[str, float] = {}
    began = time.time()
    try:
        for news in deployment.news("deploy", "--yes", "--output", "json"):
            stage, now = news.get("stage", ""), time.time()
            if news.get("message") == "checking":
                checking[stage] = now
            elif stage in checking:
                waits.append((checking.pop(stage), now))
    finally:
        for name in noting:
            del os.environ[name]
    ended = time.time()
    busy = [(float(a), float(b)) for a, b in map(str.split, times.read_text().splitlines())]
    return Timing(ended - began, ended - began - covered([*busy, *waits]))


def covered(spans: list[Span]) -> float:
    """How long at least one of some spans lasted."""
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


@dataclass
class Recorded:
    """What a deployment was made of, to make it once more without qhub and Terraform."""

    namespace: str
    folder: Path
    charts: dict[str, str]
    manifests: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, deployment: ClusterDeployment) -> Recorded:
        """Read what stands; values and objects are kept beside the deployment."""
        stages = deployment.folder / "stages"
        mirror = deployment.config["mirror"]["charts"]
        kept = deployment.folder / "by-hand"
        shutil.copytree(stages / "06-dask-gateway" / "dask-access", kept / "dask-access")
        charts = {name: f"{mirror}/{name}" for name in RELEASES}
        charts["dask-access"] = str(kept / "dask-access")
        found = cls(deployment.namespace, kept, charts)
        for name in RELEASES:
            values = said("helm", "get", "values", name, "-n", found.namespace, "-o", "json")
            (kept / f"{name}.json").write_text(values)
        for kind in KINDS:
            found._keep(
                said("kubectl", "get", kind, "-n", found.namespace, "-l", OWN, "-o", "json")
            )
        return found

    def _keep(self, listed: str) -> None:
        for item in json.loads(listed)["items"]:
            if self.namespace not in json.dumps(item):
                continue
            known = item["metadata"]
            kept = ("name", "labels", "namespace")
            item["metadata"] = {key: known[key] for key in kept if key in known}
            item.pop("status", None)
            if item["kind"] == "PersistentVolumeClaim":
                item["spec"].pop("volumeName", None)
            if item["kind"] == "Job":
                del item["spec"]["selector"]
                labels = item["spec"]["template"]["metadata"]["labels"]
                for label in [
                    one for one in labels if one.endswith(("controller-uid", "job-name"))
                ]:
                    del labels[label]
            self.manifests.append(item)

    def install(self) -> None:
        """As somebody does it who waits for each before the next."""
        listed = {"apiVersion": "v1", "kind": "List", "items": self.manifests}
        said("kubectl", "apply", "--server-side", "-f", "-", stdin=json.dumps(listed))
        for name in RELEASES:
            place = ("-n", self.namespace, "-f", str(self.folder / f"{name}.json"))
            how = ("--wait", "--timeout", "10m", "--skip-crds")  # ours brings none with a chart
            said("helm", "install", name, self.charts[name], *place, *how)

    def remove(self) -> None:
        """Take it all away again."""
        for name in reversed(RELEASES):
            said("helm", "uninstall", name, "-n", self.namespace, "--ignore-not-found")
        listed = {"apiVersion": "v1", "kind": "List", "items": self.manifests}
        options = ("--ignore-not-found", "-f", "-")
        said("kubectl", "delete", *options, stdin=json.dumps(listed))


def said(*command: str, stdin: str | None = None) -> str:
    """What a command says; what it complains of where it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
