"""What our own conda-store chart is told and makes of it; what its Job asks conda-store for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import qhub.hub
from qhub.config import Config
from qhub.hub import folders
from qhub.releases import conda_store
from qhub.stages import select
from qhub.stages.conda_store import KubernetesCondaStore
from tests import charts

from ..config.support import config

CLUSTER = "project_name: demo\nprovider: existing\ndomain: hub.example.org\n"
CHART = charts.OWN / "conda-store"
CODE = Path(qhub.hub.__file__).parent / "conda_store"
ENVIRONMENTS = """
environments:
  one: {name: one, dependencies: [python, pip: [polars]]}
  two: {name: two, channels: [conda-forge, other], dependencies: [gdal], groups: [admin, users]}
"""


def made(*lines: str) -> Config:
    return config("".join(f"{line}\n" for line in lines), head=CLUSTER)


def rendered(chart: Path, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The manifests, by kind and name."""
    options = ("--namespace", "dev", "--kube-version", "1.32.0", "--values", "-")
    text = charts.helm("template", "conda-store", chart, *options, stdin=json.dumps(values))
    found = [one for one in YAML(typ="safe").load_all(text) if one]
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def pod(manifests: dict[str, dict[str, Any]], name: str) -> Any:
    spec = manifests[name]["spec"]
    return spec.get("jobTemplate", {}).get("spec", spec)["template"]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The chart with its code, as it lies in a rendered stage."""
    shutil.copytree(CHART, tmp_path / "conda-store")
    for name, source in KubernetesCondaStore.sources.items():
        shutil.copytree(source, tmp_path / name, dirs_exist_ok=True)
    return tmp_path / "conda-store"


def test_a_cluster_has_it_unless_the_file_says_otherwise() -> None:
    def has(*lines: str) -> bool:
        return any(isinstance(stage, KubernetesCondaStore) for stage in select(made(*lines)))

    assert has()
    assert not has("conda_store: {enabled: false}")


def test_each_group_gets_an_environment_in_its_namespace() -> None:
    one, *two = conda_store.environments(made(ENVIRONMENTS))
    assert one == {
        "namespace": "global",
        "name": "one",
        "channels": ["conda-forge"],
        "dependencies": ["python", {"pip": ["polars"]}],
    }
    assert [found["namespace"] for found in two] == ["admin", "users"]
    assert two[0]["channels"] == ["conda-forge", "other"]


def test_people_may_what_they_may_on_one_machine() -> None:
    values = conda_store.values(made(ENVIRONMENTS))
    assert values["people"] == {
        "alice": {"*/*": ["admin"]},
        "bob": {"global/*": ["viewer"], "bob/*": ["admin"], "users/*": ["developer"]},
    }
    assert values["namespaces"] == ["global", "admin", "users", "alice", "bob"]


def test_every_image_comes_by_the_mirror_or_is_one_s_own() -> None:
    images = "default_images: {conda_store: team/cs:1, postgres: team/pg:17, valkey: team/vk:8}"
    values = conda_store.values(made("mirror: {images: registry.example.org/m}"))
    for image in (values["image"], values["database"]["image"], values["queue"]["image"]):
        assert image.startswith(
            ("registry.example.org/m/docker.io/", "registry.example.org/m/quay.io/")
        )
    own = conda_store.values(made(images))
    found = (own["image"], own["database"]["image"], own["queue"]["image"])
    assert found == ("team/cs:1", "team/pg:17", "team/vk:8")


def test_nobody_is_root_and_nothing_is_written_but_where_it_belongs(whole: Path) -> None:
    manifests = rendered(whole, conda_store.values(made()))
    kinds = ("Deployment", "StatefulSet", "Job", "CronJob")
    names = [name for name in manifests if name.split()[0] in kinds]
    assert len(names) == 6
    for name in names:
        spec = pod(manifests, name)["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
    user = pod(manifests, "Deployment conda-store-worker")["spec"]["securityContext"]["runAsUser"]
    assert user == folders.BUILDER, "the folders are given to who builds"


def test_who_builds_sees_neither_people_nor_the_hub_s_token(whole: Path) -> None:
    manifests = rendered(whole, conda_store.values(made(ENVIRONMENTS)))
    spec = pod(manifests, "Deployment conda-store-worker")["spec"]
    mounted = [
        item["key"]
        for volume in spec["volumes"]
        for kind in ("secret", "configMap")
        for item in volume.get(kind, {}).get("items", ())
    ]
    assert sorted(mounted) == ["settings.json", "stores.json"]
    settings = json.loads(manifests["ConfigMap conda-store"]["data"]["settings.json"])
    assert "people" not in settings


def test_people_who_come_end_no_build(whole: Path) -> None:
    values = conda_store.values(made(ENVIRONMENTS))
    more = values | {"people": {"cy": {"*/*": ["admin"]}}, "namespaces": ["global", "cy"]}
    before, after = rendered(whole, values), rendered(whole, more)
    worker, server = "Deployment conda-store-worker", "Deployment conda-store"
    assert pod(before, worker) == pod(after, worker)
    assert pod(before, server) != pod(after, server), "who may what is read when it starts"


def test_all_code_comes_along(whole: Path) -> None:
    data = rendered(whole, conda_store.values(made()))["ConfigMap conda-store-code"]["data"]
    assert data == {path.name: path.read_text() for path in CODE.glob("*.py")}


class StandIn(BaseHTTPRequestHandler):
    """Answers as conda-store does, of what `environments.py` asks."""

    store: dict[str, Any]

    def answer(self, data: Any, status: int = 200, **more: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "ok", "data": data, **more}).encode())

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer a-token"
        path, _, query = self.path.partition("?")
        if path == "/environment/":
            found = self.store["environments"]
            self.answer(found, count=len(found))
        elif path == "/build/":
            number = query.split("environment_id=")[1].split("&")[0]
            self.answer(self.store["builds"].get(number, []))
        elif path.endswith("/logs/"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"solving\nnothing provides no-such-thing\n")
        elif path.startswith("/build/"):
            failed = path == f"/build/{self.store['broken']}/"
            self.answer({"status": "FAILED" if failed else "COMPLETED"})
        else:
            self.answer({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.store["posted"].append((body["namespace"], json.loads(body["specification"])))
        self.answer({"build_id": len(self.store["posted"])})

    def do_DELETE(self) -> None:
        self.store["deleted"].append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok", "message": null}')

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """What the stand-in was asked, and a file of settings that leads to it."""
    told: dict[str, Any] = {"environments": [], "builds": {}, "posted": [], "deleted": []}
    told["broken"] = 0
    StandIn.store = told
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "settings.json"
    wanted = [
        {"namespace": "global", "name": "one", "channels": ["c"], "dependencies": ["python"]},
        {"namespace": "crew", "name": "two", "channels": ["c"], "dependencies": ["gdal"]},
    ]
    url = f"http://127.0.0.1:{server.server_port}"
    file.write_text(json.dumps({"url": url, "environments": wanted}))
    (tmp_path / "secrets.json").write_text(json.dumps({"tokens": {"qhub": "a-token"}}))
    yield told, file
    server.shutdown()


def make(file: Path) -> subprocess.CompletedProcess[str]:
    told = {"QHUB_SETTINGS": f"{file}:{file.with_name('secrets.json')}"}
    command = [sys.executable, "-B", str(CODE / "environments.py")]
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False)


def known(told: dict[str, Any], place: str, description: str, status: str) -> None:
    """Have an environment be there, with its newest build."""
    namespace, name = place.split("/")
    number = len(told["environments"]) + 1
    found = {"id": number, "namespace": {"name": namespace}, "name": name}
    told["environments"].append(found | {"description": description})
    told["builds"][str(number)] = [{"id": 10 + number, "status": status}]


def test_what_the_file_lists_is_built_once(store: tuple[dict[str, Any], Path]) -> None:
    told, file = store
    done = make(file)
    assert done.returncode == 0, done.stderr
    assert [place for place, _ in told["posted"]] == ["global", "crew"]
    first, second = (specification for _, specification in told["posted"])
    assert first["dependencies"] == ["python"]
    known(told, "global/one", first["description"], "COMPLETED")
    known(told, "crew/two", second["description"], "BUILDING")
    told["posted"].clear()
    assert make(file).returncode == 0
    assert not told["posted"]


def test_what_failed_or_changed_is_built_again(store: tuple[dict[str, Any], Path]) -> None:
    told, file = store
    make(file)
    [_, (_, second)] = told["posted"]
    known(told, "global/one", "From qhub-config.yaml, list of before", "COMPLETED")
    known(told, "crew/two", second["description"], "FAILED")
    told["posted"].clear()
    assert make(file).returncode == 0
    assert len(told["posted"]) == 2


def test_what_the_file_dropped_goes_and_what_people_made_stays(
    store: tuple[dict[str, Any], Path],
) -> None:
    told, file = store
    known(told, "crew/old", "From qhub-config.yaml, list 0123", "COMPLETED")
    known(told, "crew/own", "for my thesis", "COMPLETED")
    known(told, "ada/none", "", "COMPLETED")
    assert make(file).returncode == 0
    assert told["deleted"] == ["/environment/crew/old/"]


def test_one_that_fails_fails_alone_and_says_why(store: tuple[dict[str, Any], Path]) -> None:
    told, file = store
    told["broken"] = 1
    done = make(file)
    assert done.returncode == 1
    assert "environment global/one could not be built: failed" in done.stdout
    assert "nothing provides no-such-thing" in done.stdout
    assert "crew/two could not" not in done.stdout
