"""The local target against doing the same by hand: bare Terraform, uv, `jupyter lab`."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import uv

from benchmarks.result import Result, seconds
from qhub.config import load
from qhub.local.facts import Machine
from qhub.local.specs import requirements
from qhub.stages.conda_store import environment_settings
from qhub.terraform import find_engine
from tests.local.browser import Person
from tests.local.deployment import free_port

BIN = Path(sys.executable).parent
QHUB = str(BIN / "qhub")
TEMPLATES = Path(__file__).parents[1] / "qhub" / "templates" / "stages"
REQUIREMENTS = TEMPLATES / "02-infrastructure" / "local" / "requirements"
ROUNDS = 2


def run() -> Iterator[Result]:
    """Deploy and destroy in scratch folders; leaves nothing."""
    with scratch() as ours, scratch() as theirs:
        deployment = Deployment(ours)
        deployment.up()  # fills the package cache, which both sides then use
        try:
            yield server(deployment)
        finally:
            deployment.down()
        yield terraform(deployment, Deployment(theirs))
        yield by_hand(deployment)


def terraform(ours: Deployment, theirs: Deployment) -> Result:
    """`qhub deploy` against bare Terraform on the same rendered stages."""
    engine = find_engine()

    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}

    def bare() -> None:
        for stage in sorted((theirs.root / "stages").iterdir()):
            for command in ("init", "apply -auto-approve"):
                arguments = [*engine.command, *command.split(), "-input=false"]
                quiet(arguments, cwd=stage, env=environment)

    pairs = []
    for _ in range(ROUNDS):
        mine = seconds(ours.up)
        ours.down()
        quiet([QHUB, "render", "-c", theirs.config])
        pairs.append((mine, seconds(bare)))
        for stage in sorted((theirs.root / "stages").iterdir(), reverse=True):
            quiet([*engine.command, "destroy", "-auto-approve"], cwd=stage, env=environment)
    return Result(
        "first `qhub deploy` / bare terraform on the same stages",
        min(pair[0] for pair in pairs),
        min(pair[1] for pair in pairs),
        1.1,
    )


def by_hand(deployment: Deployment) -> Result:
    """First deploy against uv and a JupyterHub started by hand, with the same environments."""
    packages: dict[str, list[object]] = {
        name: ["-r", REQUIREMENTS / f"{name}.txt"] for name in ("hub", "user")
    }
    config = load(deployment.config)
    for environment in config.environments.values():
        packages[environment.name] = [*requirements(environment_settings(config, environment))]

    def hand() -> None:
        with scratch() as folder:
            for name, wanted in packages.items():
                uv_run("venv", "--python", sys.executable, folder / name)
                into = ("--python", folder / name / "bin" / "python")
                uv_run("pip", "install", "--compile-bytecode", *into, *wanted)
            start_hub(folder)

    def ours() -> None:
        deployment.up()

    pairs = []
    for _ in range(ROUNDS):
        mine = seconds(ours)
        deployment.down()
        pairs.append((mine, seconds(hand)))
    return Result(
        "first deploy / uv and a JupyterHub started by hand",
        min(pair[0] for pair in pairs),
        min(pair[1] for pair in pairs),
        1.25,
    )


def start_hub(folder: Path) -> None:
    """Start a plain JupyterHub with Traefik from the environment `hub`, wait, and end it."""
    port, inner, api = free_port(), free_port(), free_port()
    (folder / "jupyterhub_config.py").write_text(
        "c.JupyterHub.proxy_class = 'traefik_file'\n"
        f"c.JupyterHub.bind_url = 'http://127.0.0.1:{port}'\n"
        f"c.JupyterHub.hub_bind_url = 'http://127.0.0.1:{inner}'\n"
        f"c.TraefikProxy.traefik_api_url = 'http://127.0.0.1:{api}'\n"
        "c.JupyterHub.authenticator_class = 'dummy'\n"
    )
    binaries = folder / "hub" / "bin"
    with process([binaries / "jupyterhub", "--debug"], folder, path=binaries):
        wait_for(f"http://127.0.0.1:{port}/hub/health")


def server(deployment: Deployment) -> Result:
    """From the click on Start to a server that answers, against a bare `jupyter lab`."""
    machine = Machine.load(deployment.root / ".qhub" / "machine.json")
    assert machine is not None
    python = machine.interpreter("user")
    person = Person(deployment.url)
    assert person.login("admin", deployment.password)

    def bare() -> None:
        with scratch() as folder:
            port = free_port()
            command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root"]
            flags = [f"--ServerApp.port={port}", "--IdentityProvider.token="]
            with process([*command, *flags], folder, path=python.parent):
                wait_for(f"http://127.0.0.1:{port}/api/status")

    pairs = []
    for _ in range(3):
        pairs.append((seconds(person.start), seconds(bare)))
        person.stop()
    return Result(
        "start of a user's server until ready / bare `jupyter lab`",
        min(pair[0] for pair in pairs),
        min(pair[1] for pair in pairs),
        1.5,
    )


class Deployment:
    """A local deployment of its own in a scratch folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "qhub-config.yaml"
        self.url = f"http://127.0.0.1:{free_port()}"
        secret = root / "password"
        port = self.url.rsplit(":", 1)[1]
        name = f"bench-{os.getpid()}-{port}"
        flags = ["--project", name, "--port", port, "--password-file", secret]
        quiet([QHUB, "init", "local", "--yes", "-c", self.config, *flags])
        # One account less to make and remove would be no fair comparison; none is needed here.
        self.config.write_text(
            self.config.read_text().replace("local:\n", "local:\n  isolation: none\n", 1)
        )
        self.password = re.search(r"\S+$", secret.read_text().strip())[0]  # type: ignore[index]

    def up(self) -> None:
        quiet([QHUB, "deploy", "--yes", "-c", self.config])

    def down(self) -> None:
        quiet([QHUB, "destroy", "--yes", "-c", self.config])


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qhub-bench-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def process(command: list[object], folder: Path, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all that it starts, ended afterwards."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "HOME": str(folder)}
    with (folder / "output.log").open("w") as log:
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield child
        finally:
            os.killpg(child.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def wait_for(url: str, limit: float = 120) -> None:
    """Ask until there is an answer."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise TimeoutError(url)


def uv_run(*arguments: object) -> None:
    quiet([uv.find_uv_bin(), *arguments])


def quiet(command: list[object], **options: object) -> None:
    """Run a command; what it says is shown only when it fails."""
    done = subprocess.run(  # type: ignore[call-overload]
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")
