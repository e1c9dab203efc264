"""`qhub doctor`: what is in the way of a deployment is found, with what to do about it."""

from __future__ import annotations

import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.local.doctor import install

from .config.support import AWS, HASH, SECURITY
from .test_cli import qhub

with socket.socket() as probe:  # on this machine somebody may have a hub already
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
GOOD = f"project_name: demo\nlocal: {{port: {PORT}, isolation: none}}\n{SECURITY}"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "qhub-config.yaml").write_text(GOOD)
    return tmp_path


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    """Something that answers like a package index."""

    class Index(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def examined(here: Path, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and the findings by name; of several the worst."""
    done = qhub("doctor", "--output", "json", *arguments, cwd=here, **environment)
    said = json.loads(done.stdout)
    assert said["deployable"] == (done.returncode == 0)
    order = ("ok", "warn", "fail")
    findings = sorted(said["findings"], key=lambda finding: order.index(finding["level"]))
    return done.returncode, {finding["name"]: finding for finding in findings}


def test_a_machine_that_will_do(here: Path, index: str) -> None:
    code, found = examined(here, PIP_INDEX_URL=index)
    assert code == 0, found
    assert found["package index"]["level"] == "ok"
    assert found["isolation"]["level"] == "warn"
    assert not (here / ".qhub").exists()


def test_text_for_people(here: Path, index: str) -> None:
    done = qhub("doctor", cwd=here, PIP_INDEX_URL=index)
    assert done.returncode == 0
    assert "✓ configuration: qhub-config.yaml is valid\n" in done.stdout
    assert done.stderr == "ready to deploy\n"


@pytest.mark.parametrize(
    ("environment", "name", "said"),
    [
        ({"QHUB_TERRAFORM": "/no/such"}, "Terraform", "/no/such: does not run"),
        ({"PIP_INDEX_URL": "http://a:secret@127.0.0.1:1/x"}, "package index", "//127.0.0.1:1/x"),
    ],
)
def test_what_is_missing_outside(
    here: Path, index: str, environment: dict[str, str], name: str, said: str
) -> None:
    code, found = examined(here, **{"PIP_INDEX_URL": index, **environment})
    assert code == 1
    assert found[name]["level"] == "fail"
    assert said in found[name]["message"]
    assert found[name]["hint"]
    assert "secret" not in json.dumps(found)


def test_without_an_index_none_is_asked(here: Path) -> None:
    code, found = examined(here, PIP_NO_INDEX="1", PIP_FIND_LINKS="/srv/wheels")
    assert code == 0
    assert "/srv/wheels" in found["package index"]["message"]


@pytest.mark.parametrize(
    ("text", "name", "level", "said"),
    [
        (GOOD + "themee: 1\n", "configuration", "fail", "`themee` is not a setting"),
        (GOOD.replace(f"'{HASH}'", "{env: NO_SUCH}"), "configuration", "fail", "`NO_SUCH`"),
        (f"project_name: demo\n{AWS}{SECURITY}", "cluster", "fail", "can't deploy them yet"),
        (
            GOOD + "profiles:\n  jupyterlab:\n    - display_name: Huge\n"
            "      kubespawner_override: {cpu_limit: 1, mem_limit: 900T, mem_guarantee: 1G}\n",
            "profiles",
            "warn",
            "Huge: more memory than",
        ),
        (GOOD.replace("none}", "none, python: /bin/sh}"), "this machine", "fail", "/bin/sh"),
    ],
)
def test_what_the_configuration_asks_for(
    here: Path, index: str, text: str, name: str, level: str, said: str
) -> None:
    (here / "qhub-config.yaml").write_text(text)
    code, found = examined(here, PIP_INDEX_URL=index)
    assert code == (1 if level == "fail" else 0)
    assert (found[name]["level"], said in found[name]["message"]) == (level, True), found


def test_a_port_that_is_taken(here: Path, index: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (here / "qhub-config.yaml").write_text(GOOD.replace(f"{PORT}", f"{port}"))
        code, found = examined(here, PIP_INDEX_URL=index)
    assert code == 1
    assert f"port {port} is taken by" in found["this machine"]["message"]


def test_the_port_of_ssh_is_taken(here: Path, index: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f"{GOOD}kubessh: {{enabled: true, port: {port}}}\n"
        (here / "qhub-config.yaml").write_text(text)
        code, found = examined(here, PIP_INDEX_URL=index)
    assert code == 1
    assert f"port {port} is taken by" in found["08-kubessh"]["message"]
    assert "kubessh.port" in found["08-kubessh"]["message"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root has Unix users instead of sandboxes")
def test_what_makes_sandboxes_is_missing(here: Path, index: str) -> None:
    (here / "apt-get").touch(0o755)
    (here / "qhub-config.yaml").write_text(GOOD.replace("isolation: none", "isolation: auto"))
    code, found = examined(here, PIP_INDEX_URL=index, PATH=str(here))
    assert code == 0
    assert "bubblewrap" in found["isolation"]["message"]
    assert found["isolation"]["hint"] == "sudo apt-get install bubblewrap"


def test_without_a_configuration(tmp_path: Path, index: str) -> None:
    code, found = examined(tmp_path, PIP_INDEX_URL=index)
    assert code == 0, found
    assert found["configuration"]["hint"] == "qhub init writes one"


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "apt-get install openssh-client"),
        ("dnf", "dnf install openssh-clients"),
        ("pacman", "pacman -S openssh"),
        ("brew", "brew install openssh"),
    ],
)
def test_what_to_install(manager: str, command: str) -> None:
    found = install("ssh", lambda name: "/usr/bin/x" if name == manager else None)
    assert found is not None
    assert found.removeprefix("sudo ") == command
    assert install("ssh", lambda name: None) is None
