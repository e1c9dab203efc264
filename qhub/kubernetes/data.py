"""What people made with a deployment in a cluster: read and written by a pod with its volumes.

The pod runs `qhub.backup.agent`, whose code it is sent, in an exec: what it prints is in no log.
It ends once the exec does, also where the command was killed, and its Job goes soon after.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import time
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import qhub
from qhub.backup.agent import BROKEN, Line
from qhub.backup.away import FarTrees
from qhub.backup.owners import Owners
from qhub.errors import BackupError, ClusterError
from qhub.kubernetes.cluster import Access, Cluster, absent_is_done, told
from qhub.kubernetes.pods import USERNAME
from qhub.kubernetes.quiet import PATIENCE_SECONDS, hub_path, quiet
from qhub.kubernetes.rollout import last_warning
from qhub.kubernetes.spaces import SHARED

JOB = "qhub-files"
DATABASE_CLAIM = "hub-db-dir"
"""What the chart keeps the hub's database in, unless another one is chosen."""

_HOME = {"component": "singleuser-storage"}
"""Label of a claim that is somebody's home."""

_ALONE_SECONDS = 120
"""How long the pod waits for its command."""

SILENCE_SECONDS = 600
"""After how long without a word the pod is taken for gone."""

_INPUT, _OUTPUT, _ERRORS = b"\0", b"\1", b"\2"
"""The first byte of a frame: which stream of the command it belongs to."""

_PIECE = 1 << 17
_ERRORS_KEPT = 1 << 14

_WAIT = f"""
import fcntl, os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
end = time.time() + {_ALONE_SECONDS}
while not os.path.exists("/tmp/begun") and time.time() < end:
    time.sleep(0.5)
if os.path.exists("/tmp/begun"):
    fcntl.flock(os.open("/tmp/begun", os.O_RDWR), fcntl.LOCK_EX)
"""
_BEGIN = """
import base64, fcntl, os, sys
lock = os.open("/tmp/begin", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.rename("/tmp/begin", "/tmp/begun")
with open("/tmp/qhub.zip", "wb") as file:
    file.write(base64.b64decode(sys.stdin.buffer.readline()))
sys.path.insert(0, "/tmp/qhub.zip")
from qhub.backup.agent import main
main()
"""


def code() -> bytes:
    """The modules that the agent consists of, as Python imports them from an archive."""
    root = Path(qhub.__file__).parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (root / "__init__.py", root / "errors.py", *(root / "backup").glob("*.py")):
            archive.write(path, path.relative_to(root.parent))
    return packed.getvalue()


class Exec(io.RawIOBase):
    """Standard input and output of a command in a pod, as a file.

    It takes frames from the connection itself: what the client gathers of them it copies again
    with each one that comes, and keeps all of it.
    """

    def __init__(self, client: Any) -> None:
        self._socket, self._rest, self._errors = client.sock, memoryview(b""), b""
        self._socket.settimeout(SILENCE_SECONDS)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or wait for it; 0 at the end.

        Raises:
            BackupError: The command said why it ended.
        """
        while not self._rest:
            frame = self._frame()
            if frame is None:
                if said := self._errors.decode("utf-8", "replace").strip():
                    raise BackupError(f"the pod with the files says: {said.splitlines()[-1]}")
                return 0
            if frame[:1] == _OUTPUT:
                self._rest = memoryview(frame)[1:]
            elif frame[:1] == _ERRORS:
                self._errors = (self._errors + frame[1:])[-_ERRORS_KEPT:]
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def _frame(self) -> bytes | None:
        """The next one with data; None where the connection is at its end."""
        from websocket import ABNF, WebSocketException

        while True:
            try:
                code, frame = self._socket.recv_data_frame(True)  # answers a ping, too
            except (WebSocketException, OSError):
                return None
            if code == ABNF.OPCODE_CLOSE:
                return None
            if code in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT):
                return bytes(frame.data)

    def write(self, data: Any) -> int:
        """Send a piece.

        Raises:
            BackupError: The connection broke.
        """
        from websocket import WebSocketException

        piece = bytes(data[:_PIECE])
        try:
            self._socket.send_binary(_INPUT + piece)
        except (WebSocketException, OSError) as error:
            raise BackupError(*BROKEN) from error
        return len(piece)


class ClusterData(FarTrees):
    """The data of a deployment in a cluster.

    Args:
        context: the cluster.
        namespace: of the deployment.
    """

    def __init__(self, context: str, namespace: str) -> None:
        self._context, self._namespace = context, namespace
        self._cluster = Cluster(Access.find(context))

    @contextlib.contextmanager
    def open(
        self, *, write: bool, places: Collection[str] = ()
    ) -> Iterator[tuple[Line, dict[str, Any]]]:
        """An agent in a pod, and the volumes that it has.

        Raises:
            ClusterError: The pod does not start.
        """
        from kubernetes.stream import stream

        hub, settings = self._cluster.request("GET", hub_path(self._namespace)), self._settings()
        self._make_homes(settings, places)
        homes = self._homes()
        if write:  # the others may be in use, on other nodes
            homes = {name: claim for name, claim in homes.items() if f"homes/{name}" in places}
        database = DATABASE_CLAIM in _claims(hub["spec"]["template"]["spec"])
        self._make(self._job(hub, homes, database=database, write=write))
        try:
            pod = self._running()
            # The client is changed by a stream: not one that others use.
            core = Cluster(self._cluster.access).core
            with told(self._context):
                client = stream(
                    core.connect_get_namespaced_pod_exec,
                    pod,
                    self._namespace,
                    command=["python3", "-B", "-c", _BEGIN],
                    stdin=True,
                    stdout=True,
                    stderr=True,
                    binary=True,
                    _preload_content=False,
                )
            with contextlib.closing(client):
                pipe = Exec(client)
                pipe.write(base64.b64encode(code()) + b"\n")
                line = Line(io.BufferedReader(pipe, 1 << 20), io.BufferedWriter(pipe, 1 << 17))
                yield (
                    line,
                    {
                        "owners": _owners(settings).model_dump(),
                        "homes": {name: f"/claims/{claim}" for name, claim in homes.items()},
                        "files": "/files",
                        "hub": "/hub" if database else "",
                    },
                )
        finally:
            self._remove()

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        """End people's servers and Dask clusters and stop the hub; start it again afterwards."""
        return quiet(self._cluster, self._namespace)

    def _settings(self) -> dict[str, Any]:
        """What the hub was deployed with."""
        secret = self._cluster.secret(self._namespace, "qhub-hub") or {}
        return dict(json.loads(secret.get("settings.json", b"{}")))

    def _homes(self) -> dict[str, str]:
        """Claims that are somebody's home, by their name."""
        path = f"/api/v1/namespaces/{self._namespace}/persistentvolumeclaims"
        label = ",".join(f"{key}={value}" for key, value in _HOME.items())
        claims = self._cluster.request("GET", path, labelSelector=label)["items"]
        found = [claim["metadata"] for claim in claims]
        return {one["annotations"][USERNAME]: one["name"] for one in found}

    def _make_homes(self, settings: dict[str, Any], places: Collection[str]) -> None:
        """Claims for the homes among some places, where homes are volumes of their own."""
        size = settings.get("cluster", {}).get("home_size")
        if not size:
            return
        path = f"/api/v1/namespaces/{self._namespace}/persistentvolumeclaims"
        theirs = (name for name in settings["users"] if f"homes/{name}" in places)
        for name in {*theirs} - {*self._homes()}:
            self._cluster.request("POST", path, _home(name, size))

    def _job(
        self, hub: dict[str, Any], homes: dict[str, str], *, database: bool, write: bool
    ) -> dict[str, Any]:
        spec = hub["spec"]["template"]["spec"]
        claims = {"/files": SHARED, **({"/hub": DATABASE_CLAIM} if database else {})}
        claims |= {f"/claims/{claim}": claim for claim in homes.values()}
        volumes = [
            {"name": f"v{number}", "persistentVolumeClaim": {"claimName": claim}}
            for number, claim in enumerate(claims.values())
        ]
        mounts = [
            # SQLite also writes where it only reads.
            {"name": f"v{number}", "mountPath": path, "readOnly": not write and path != "/hub"}
            for number, path in enumerate(claims)
        ]
        container = {
            "name": "files",
            "image": spec["containers"][0]["image"],
            "command": ["python3", "-c", _WAIT],
            "volumeMounts": mounts,
            "resources": {
                "requests": {"cpu": "50m", "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
            "securityContext": {
                "runAsUser": 0,
                "runAsGroup": 0,
                "allowPrivilegeEscalation": False,
                "capabilities": {
                    "drop": ["ALL"],
                    "add": ["CHOWN", "FOWNER", "DAC_OVERRIDE", "FSETID"],
                },
            },
        }
        pod = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": volumes,
            # Volumes of one node at a time are where the hub is.
            "affinity": _beside_the_hub(),
        }
        kept = ("priorityClassName", "tolerations", "imagePullSecrets", "nodeSelector")
        pod |= {key: spec[key] for key in kept if key in spec}
        owner = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "hub",
            "uid": hub["metadata"]["uid"],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": JOB, "ownerReferences": [owner]},
            "spec": {
                "backoffLimit": 0,
                "ttlSecondsAfterFinished": 30,
                "template": {"spec": pod},
            },
        }

    def _make(self, job: dict[str, Any]) -> None:
        self._remove()
        self._cluster.request("POST", self._jobs, job)

    @property
    def _jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self._namespace}/jobs"

    def _remove(self) -> None:
        """Take the Job away, that of a run that was killed too, and wait until its pod is gone."""
        with absent_is_done():
            self._cluster.request("DELETE", f"{self._jobs}/{JOB}", propagationPolicy="Foreground")
        started = time.monotonic()
        while time.monotonic() - started < PATIENCE_SECONDS and (self._pods() or self._there()):
            time.sleep(0.5)

    def _there(self) -> bool:
        found = self._cluster.request("GET", self._jobs)["items"]
        return any(one["metadata"]["name"] == JOB for one in found)

    def _pods(self) -> list[Any]:
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        return list(self._cluster.request("GET", path, labelSelector=f"job-name={JOB}")["items"])

    def _running(self) -> str:
        started = time.monotonic()
        while True:
            pods = self._pods()
            if pods and pods[0]["status"].get("phase") == "Running":
                return str(pods[0]["metadata"]["name"])
            if time.monotonic() - started > PATIENCE_SECONDS:
                name = pods[0]["metadata"]["name"] if pods else ""
                why = last_warning(self._cluster, self._namespace, name) if name else ""
                raise ClusterError(f"the pod with the files does not start {why}", "try again")
            time.sleep(0.5)


def _home(name: str, size: str) -> dict[str, Any]:
    """The claim that the hub would make when somebody starts their first server."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": f"claim-{name}",
            "labels": {**_HOME, USERNAME: name},
            "annotations": {USERNAME: name},
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def _owners(settings: dict[str, Any]) -> Owners:
    users, groups = settings.get("users", {}), settings.get("groups", {})
    return Owners(
        unix=True,
        users={name: user["uid"] for name, user in users.items()},
        groups={name: group["gid"] for name, group in groups.items()},
        primary={name: user["primary_group"] for name, user in users.items()},
    )


def _claims(spec: dict[str, Any]) -> set[str]:
    """Of which claims a pod has the volumes."""
    found = (one.get("persistentVolumeClaim") for one in spec.get("volumes", ()))
    return {claim["claimName"] for claim in found if claim}


def _beside_the_hub() -> dict[str, Any]:
    term = {
        "labelSelector": {"matchLabels": {"component": "hub"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    wish = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}}
