"""Waiting for a Job, and telling its own words where it fails."""

from __future__ import annotations

import time

from qhub.errors import ClusterError, StageError
from qhub.kubernetes.cluster import Cluster, reach
from qhub.kubernetes.rollout import POLL_SECONDS, job_obstacle, last_words
from qhub.kubernetes.waiting import Say, Waiting, unheard


def wait_done(
    stage: str,
    context: str,
    namespace: str,
    job: str,
    *,
    deadline: float,
    say: Say = unheard,
) -> None:
    """Wait until a Job is done. One that failed is taken away, so that the next deploy tries again.

    Where it takes long, the last line of its log is told through `say`.

    Raises:
        StageError: It failed, or isn't done in time; with the last lines of its log.
    """
    cluster = reach(context)
    started, wait = time.monotonic(), Waiting(say)
    while obstacle := job_obstacle(cluster, namespace, job):
        failed = obstacle.startswith("failed")
        if failed or time.monotonic() - started > deadline:
            words = _words(cluster, namespace, job)
            if failed:
                remove(cluster, namespace, job)
            raise StageError(stage, f"{job} {obstacle}{words}", hint="deploy again to try again")
        if wait.is_news:
            wait.on(_words(cluster, namespace, job).rpartition("\n")[2].strip() or obstacle)
        time.sleep(POLL_SECONDS)


def remove(cluster: Cluster, namespace: str, job: str) -> None:
    """Take a Job away, with its pods."""
    delete = cluster.batch.delete_namespaced_job
    cluster.ask(delete, job, namespace, propagation_policy="Background")


def _words(cluster: Cluster, namespace: str, job: str) -> str:
    pods = cluster.ask(
        cluster.core.list_namespaced_pod, namespace, label_selector=f"job-name={job}"
    ).items
    try:
        return "".join(
            last_words(cluster, namespace, pod.metadata.name, pod.spec.containers[0].name)
            for pod in pods
        )
    except ClusterError:
        return ""
