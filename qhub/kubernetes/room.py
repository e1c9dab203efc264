"""What nodes have left."""

from __future__ import annotations

from dataclasses import dataclass

from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.quantity import quantity


@dataclass(frozen=True)
class Node:
    """A node that takes pods, with what no pod has asked for: processors, bytes, pods."""

    name: str
    cpu: float
    memory: float
    pods: int

    def places(self, cpu: float, memory: float) -> int:
        """How many pods that ask for so much it still takes."""
        by_cpu = self.cpu // cpu if cpu else self.pods
        by_memory = self.memory // memory if memory else self.pods
        return max(0, int(min(by_cpu, by_memory, self.pods)))


def room(cluster: Cluster, labels: dict[str, str]) -> list[Node]:
    """The nodes with these labels that take pods without a toleration."""
    asked: dict[str, list[tuple[float, float]]] = {}
    selector = "status.phase!=Succeeded,status.phase!=Failed"
    for pod in cluster.request("GET", "/api/v1/pods", fieldSelector=selector)["items"]:
        if pod["spec"].get("nodeName"):
            wants = [
                one.get("resources", {}).get("requests", {}) for one in pod["spec"]["containers"]
            ]
            cpu = sum(quantity(one.get("cpu", "0")) for one in wants)
            memory = sum(quantity(one.get("memory", "0")) for one in wants)
            asked.setdefault(pod["spec"]["nodeName"], []).append((cpu, memory))
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
    found = []
    for node in cluster.request("GET", "/api/v1/nodes", **query)["items"]:
        taints = node["spec"].get("taints") or ()
        if any(taint["effect"] != "PreferNoSchedule" for taint in taints):
            continue
        name, has = node["metadata"]["name"], node["status"]["allocatable"]
        there = asked.get(name, [])
        found.append(
            Node(
                name,
                cpu=quantity(has["cpu"]) - sum(cpu for cpu, _ in there),
                memory=quantity(has["memory"]) - sum(memory for _, memory in there),
                pods=int(quantity(has["pods"])) - len(there),
            )
        )
    return found
