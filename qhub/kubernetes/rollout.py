"""Waiting for what a stage made, and saying why it doesn't get ready as a person would find it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qhub.errors import ClusterError, StageError
from qhub.kubernetes.cluster import Access, Cluster
from qhub.kubernetes.waiting import Say, Waiting, unheard

DEADLINE_SECONDS = 600
"""A node may have to be made first, and images pulled."""

POLL_SECONDS = 1.0
HOPELESS_SECONDS = 60
"""How long a state that rarely goes away by itself may last before waiting ends."""

HOPELESS_STARTS = 3
"""After how many starts a container that ends again and again is taken for hopeless."""

LOG_LINES = 15
_HOPELESS = {
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}


def wait_ready(
    stage: str,
    context: str,
    namespace: str,
    *,
    deployments: Sequence[str] = (),
    stateful_sets: Sequence[str] = (),
    jobs: Sequence[str] = (),
    deadline: float = DEADLINE_SECONDS,
    say: Say = unheard,
) -> None:
    """Wait until Jobs are done, Deployments and StatefulSets run what they were last told to.

    What takes long is told through `say`, with its reason, of a Job with the last line of its log.
    A Job that failed is taken away, so that the next deploy tries again.

    Raises:
        StageError: They don't; with events, states and last log lines of the pods concerned.
    """
    cluster = Cluster(Access.find(context))
    wanted = [
        *((_job, name) for name in jobs),
        *((_deployment, name) for name in deployments),
        *((_stateful_set, name) for name in stateful_sets),
    ]
    started, wait = time.monotonic(), Waiting(say)
    since: dict[str, float] = {}
    while True:
        waiting = [lack for look, name in wanted if (lack := look(cluster, namespace, name))]
        if not waiting:
            return
        troubles = [
            trouble for lack in waiting for trouble in pod_troubles(cluster, namespace, lack.pods)
        ]
        troubles += [(lack.name, True, lack.refusal) for lack in waiting if lack.refusal]
        now = time.monotonic()
        since = {pod: since.get(pod, now) for pod, hopeless, _ in troubles if hopeless}
        stuck = any(now - when > HOPELESS_SECONDS for when in since.values())
        failed = [lack.name for lack in waiting if lack.failed]
        if failed or stuck or now - started > deadline:
            told = [f"{lack.name}: {lack.what}" for lack in waiting]
            told += [text for _, _, text in troubles]
            hint = f"kubectl --context {context} -n {namespace} get pods,events"
            for name in failed:
                remove_job(cluster, namespace, name)
                hint = "deploy again to try again"
            raise StageError(stage, "\n".join(told), hint=hint)
        if wait.is_news:
            reasons = [text for _, _, text in troubles] or [_doing(cluster, namespace, waiting[0])]
            wait.on(reasons[0])
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Lack:
    """What keeps a workload from being as it was last told to be.

    Args:
        name: The workload's.
        what: It still lacks, in words.
        pods: Selects its pods.
        refusal: Why the cluster makes no pod of it, where that is so.
        failed: Whether the cluster tries no more.
        speaks: Whether its log says how far it is.
    """

    name: str
    what: str
    pods: str
    refusal: str = ""
    failed: bool = False
    speaks: bool = False


def _deployment(cluster: Cluster, namespace: str, name: str) -> Lack | None:
    found = cluster.ask(cluster.apps.read_namespaced_deployment, name, namespace)
    what = _behind(found, found.status.available_replicas)
    refused = [one for one in found.status.conditions or () if one.type == "ReplicaFailure"]
    return Lack(name, what, _selector(found), *[one.message for one in refused]) if what else None


def _stateful_set(cluster: Cluster, namespace: str, name: str) -> Lack | None:
    found = cluster.ask(cluster.apps.read_namespaced_stateful_set, name, namespace)
    what = _behind(found, found.status.ready_replicas)
    if not what:
        return None
    # What was complained of before there was a pod is over.
    refusal = "" if found.status.replicas else last_warning(cluster, namespace, name, "StatefulSet")
    return Lack(name, what, _selector(found), refusal)


def _job(cluster: Cluster, namespace: str, name: str) -> Lack | None:
    found = cluster.ask(cluster.batch.read_namespaced_job, name, namespace)
    status = found.status
    if status.succeeded:
        return None
    failed = any(one.type == "Failed" and one.status == "True" for one in status.conditions or ())
    what = f"failed {status.failed} times" if status.failed else "is not done"
    idle = not (status.active or status.failed)
    refusal = last_warning(cluster, namespace, name, "Job") if idle else ""
    return Lack(name, what, _selector(found), refusal, failed, speaks=True)


def _doing(cluster: Cluster, namespace: str, lack: Lack) -> str:
    """What a workload is at, with which nothing is wrong."""
    words = ""
    if lack.speaks:
        listed = cluster.ask(cluster.core.list_namespaced_pod, namespace, label_selector=lack.pods)
        for pod in listed.items:
            container = pod.spec.containers[0].name
            words += last_words(cluster, namespace, pod.metadata.name, container)
    return words.rpartition("\n")[2].strip() or f"{lack.name}: {lack.what}"


def _selector(workload: Any) -> str:
    labels = workload.spec.selector.match_labels
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _behind(found: Any, ready: int | None) -> str | None:
    """What a workload still lacks, of whose pods so many are ready."""
    status, wanted = found.status, found.spec.replicas or 0
    if (status.observed_generation or 0) < found.metadata.generation:
        return "was not looked at yet"
    done = min(ready or 0, status.updated_replicas or 0)
    if done < wanted or (status.replicas or 0) > wanted:
        return f"{done} of {wanted} pods are ready"
    return None


def pod_troubles(
    cluster: Cluster, namespace: str, selector: str = ""
) -> Iterator[tuple[str, bool, str]]:
    """For each pod that isn't well: its name, whether waiting rarely helps, and what is wrong."""
    listed = cluster.ask(cluster.core.list_namespaced_pod, namespace, label_selector=selector)
    for pod in listed.items:
        name, status = pod.metadata.name, pod.status
        if status.phase == "Succeeded" or pod.metadata.deletion_timestamp:
            continue
        if status.phase == "Pending" and not status.container_statuses:
            reason = last_warning(cluster, namespace, name)
            yield name, False, f"pod {name} is not placed: {reason or 'no node was found yet'}"
            continue
        containers = (status.init_container_statuses or (), status.container_statuses or ())
        for container in itertools.chain(*containers):
            trouble = _container_trouble(cluster, namespace, name, container)
            if trouble:
                hopeless, text = trouble
                yield name, hopeless, f"pod {name}: {text}"


def _container_trouble(
    cluster: Cluster, namespace: str, pod: str, container: Any
) -> tuple[bool, str] | None:
    waiting, ended = container.state.waiting, container.state.terminated
    if waiting and waiting.reason in ("ContainerCreating", "PodInitializing"):
        reason = last_warning(cluster, namespace, pod)
        return (False, f"{container.name} is being made: {reason}") if reason else None
    if waiting:
        text = f"{container.name} waits: {waiting.reason}"
        if waiting.message:
            text += f": {waiting.message}"
        if waiting.reason == "CrashLoopBackOff":
            text += last_words(cluster, namespace, pod, container.name, previous=True)
        return waiting.reason in _HOPELESS, text
    if ended and ended.exit_code:
        text = f"{container.name} ended with exit code {ended.exit_code} ({ended.reason})"
        hopeless = container.restart_count >= HOPELESS_STARTS
        return hopeless, text + last_words(cluster, namespace, pod, container.name)
    if container.state.running and not container.ready:
        reason = last_warning(cluster, namespace, pod)
        return False, f"{container.name} runs and is not ready" + (f": {reason}" if reason else "")
    return None


def last_warning(cluster: Cluster, namespace: str, name: str, kind: str = "Pod") -> str:
    """What the cluster last complained of about a pod, or a thing of another kind."""
    events = cluster.ask(
        cluster.core.list_namespaced_event,
        namespace,
        field_selector=f"involvedObject.kind={kind},involvedObject.name={name},type=Warning",
    ).items
    latest = max(
        events,
        key=lambda event: str(event.last_timestamp or event.event_time or ""),
        default=None,
    )
    return _with_remedy(str(latest.message)) if latest else ""


def _with_remedy(message: str) -> str:
    """What to do, after what the cluster says and means otherwise."""
    if "bad option" in message and "helper program" in message:
        remedy = "install the NFS client on the nodes: nfs-common (Debian) or nfs-utils (RPM)"
        return f"{message.strip()}\n    {remedy}"
    return message


def restart(cluster: Cluster, namespace: str, deployment: str) -> None:
    """Have a Deployment's pods made anew, as `kubectl rollout restart` does."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    annotations = {"kubectl.kubernetes.io/restartedAt": when}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    cluster.ask(cluster.apps.patch_namespaced_deployment, deployment, namespace, patch)


def remove_job(cluster: Cluster, namespace: str, job: str) -> None:
    """Take a Job away, with its pods."""
    delete = cluster.batch.delete_namespaced_job
    cluster.ask(delete, job, namespace, propagation_policy="Background")


def last_words(
    cluster: Cluster, namespace: str, pod: str, container: str, *, previous: bool = False
) -> str:
    """The last lines of a container's log, each indented below a message."""
    try:
        text = cluster.ask(
            cluster.core.read_namespaced_pod_log,
            pod,
            namespace,
            container=container,
            previous=previous,
            tail_lines=LOG_LINES,
        )
    except ClusterError:
        return ""
    return "".join(f"\n    {line}" for line in str(text).splitlines())
