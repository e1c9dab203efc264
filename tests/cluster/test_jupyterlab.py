"""What comes into people's pods with JupyterLab: what a stock image doesn't have."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.cluster.deployment import ClusterDeployment
from tests.local.browser import Person

TAKE = "x = b'x' * (4 << 30); len(x)"
"""Four times what the profile gives."""


def page_config(person: Person) -> dict[str, Any]:
    """What JupyterLab's page is told, as its extensions read it."""
    page = person.request(f"/user/{person.name}/lab")
    found = re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found, page[:500]
    return json.loads(found.group(1))  # type: ignore[no-any-return]


def test_a_kernel_that_took_too_much_says_so(deployment: ClusterDeployment) -> None:
    ada = deployment.at_work("ada")
    try:
        kernel = ada.kernel()
        assert kernel.run("1 + 1") == "2"
        said = kernel.last_words(TAKE)
        assert "The system ended this kernel" in said
        assert "of memory (profile Small)" in said
        assert "choose a larger profile" in said
        kernel.socket.close()
        assert ada.run("1 + 1") == "2", "the server goes on"
    finally:
        ada.stop()


GROUP_KILL = """
from pathlib import Path
folder = Path.home() / "cgroup"
folder.mkdir(exist_ok=True)
(folder / "memory.events").write_text("oom_kill 0\\n")
(folder / "memory.max").write_text(f"{1 << 30}\\n")
(folder / "memory.oom.group").write_text("1\\n")
"""


def test_where_all_would_end_at_once_a_kernel_gets_no_more(deployment: ClusterDeployment) -> None:
    """As with cgroup v2, whose files stand in the home here: any cluster runs this."""
    [profile] = deployment.config["profiles"]["jupyterlab"]
    spawner = profile["kubespawner_override"]
    spawner["environment"] = {"QHUB_MEMORY_EVENTS": "/nowhere:/home/ben/cgroup/memory.events"}
    ben = deployment.at_work("ben")
    try:
        ben.run(GROUP_KILL)
    finally:
        ben.stop()
    deployment.deploy()
    ben = deployment.at_work("ben")
    try:
        with ben.kernel() as kernel:
            said = kernel.run(TAKE)
            assert "MemoryError" in said
            assert "choose a larger profile" in said
            assert kernel.run("1 + 1") == "2"
    finally:
        ben.stop()
        del spawner["environment"]
        deployment.deploy()


def test_libraries_start_as_many_threads_as_there_are_cores_for(
    deployment: ClusterDeployment,
) -> None:
    ben = deployment.at_work("ben")
    try:
        assert ben.run("import os; os.environ['OMP_NUM_THREADS']") == "'1'"
    finally:
        ben.stop()


def shown(person: Person) -> dict[str, Any]:
    """What the page is told once video chat came into the pod: nodes take a while to notice."""
    deadline = time.monotonic() + 180
    while "videoChatServer" not in (page := page_config(person)):
        assert time.monotonic() < deadline, page
        time.sleep(5)
    return page


def rooms(page: dict[str, Any]) -> list[dict[str, str]]:
    told = page["videoChatRooms"]
    return json.loads(told) if isinstance(told, str) else told  # type: ignore[no-any-return]


@pytest.fixture
def server(deployment: ClusterDeployment) -> Any:
    """A Jitsi server that is somewhere else."""
    deployment.config["jitsi"] = {"enabled": True, "server": "https://meet.example.org"}
    yield "https://meet.example.org"
    del deployment.config["jitsi"]
    deployment.deploy()


def test_video_chat_comes_into_a_running_pod_with_the_rooms_of_one_s_groups(
    deployment: ClusterDeployment, server: str
) -> None:
    del deployment.config["jitsi"]
    deployment.deploy()
    ada, ben = deployment.at_work("ada"), deployment.at_work("ben")
    try:
        assert "videoChatServer" not in page_config(ada)
        deployment.config["jitsi"] = {"enabled": True, "server": server}
        deployment.deploy()
        hers, his = shown(ada), shown(ben)
        assert hers["videoChatServer"] == server
        assert [room["group"] for room in rooms(hers)] == ["admin", "users"]
        assert [room["group"] for room in rooms(his)] == ["users"]
        assert rooms(his)[0] == rooms(hers)[1], "they meet in the same room"
        panel = next(e for e in hers["federated_extensions"] if e["name"] == "qhub-video-chat")
        script = ben.request(f"/user/ben/lab/extensions/qhub-video-chat/{panel['load']}")
        assert ben.status == 200
        assert "qhub-video-chat" in script
    finally:
        ada.stop()
        ben.stop()
