"""Environments of the configuration and of people's own, built and run as kernels.

conda packages come from a channel that is made here, pip's from the package index.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qhub.local import interpreter, kernels
from tests.local.browser import Kernel, Person
from tests.local.channel import Channel
from tests.local.deployment import (
    Deployment,
    Runner,
    hashed,
    new_deployment,
    own_runner,
    wait_until,
)
from tests.local.environments import Environments

GIDS = {"envlead": 28110, "envcrew": 28111, "envguest": 28112}
PEOPLE = {"envada": "envlead", "envbob": "envcrew", "envcy": "envguest"}


@pytest.fixture(scope="module")
def ground(place: Path) -> Iterator[Environments]:
    """A machine without a hub: enough to build on."""
    settings = {"project_name": "envground", "directory": str(place / "env-ground-files")}
    deployment = new_deployment(own_runner(), place / "env-ground", isolation="none", **settings)
    deployment.environment = {"RATTLER_CACHE_DIR": str(place / "env-cache")}
    try:
        assert deployment.apply_machine().returncode == 0
        yield Environments(deployment)
    finally:
        deployment.down()


@pytest.fixture(scope="module")
def channel(place: Path) -> Channel:
    python = interpreter.find_reachable()
    if python is None:
        pytest.skip("no Python that an ordinary user can run")
    channel = Channel(place / "env-channel")
    channel.add_python(python.path)
    activation = 'export TINY_HOME="$CONDA_PREFIX/tiny home"\n'
    files = {"site-packages/tiny.py": "SIZE = 1\n", "etc/conda/activate.d/tiny.sh": activation}
    channel.add("tiny", files, depends=["python"])
    for path in channel.folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return channel


def says(folder: Path, code: str) -> str:
    return subprocess.check_output([folder / "bin/python", "-I", "-c", code], text=True).strip()


def test_pip_only_specs_need_no_channel(ground: Environments) -> None:
    python = interpreter.probe(ground.deployment.machine.python)
    assert python is not None
    version = ".".join(map(str, python.version))
    folder = ground.succeed(
        "plain", channels=["nowhere"], conda=[f"python={version}", "pip"], pip=["toolz==1.0.0"]
    )
    assert says(folder, "import ipykernel, toolz; print(toolz.__version__)") == "1.0.0"
    assert "toolz==1.0.0" in folder.with_suffix(".txt").read_text()
    description = json.loads((folder / "kernel" / "kernel.json").read_text())
    assert description["argv"][:2] == [str(folder / "run"), str(folder / "bin" / "python")]
    code = "import os; print(os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0])"
    command = [folder / "run", "python", "-c", code]
    assert subprocess.check_output(command, text=True).split() == [str(folder), f"{folder}/bin"]

    before = (folder / ".complete").stat()
    ground.succeed("plain", **ground.specs["plain"])
    ground.succeed("plain", **{**ground.specs["plain"], "groups": {"envcrew": 28111}})
    assert (folder / ".complete").stat() == before, "who may use it is no reason to build it anew"
    listed = ground.deployment.machine.environments
    assert (listed / "groups" / "envcrew" / "kernels" / "plain" / "kernel.json").exists()
    assert not (listed / "everyone" / "kernels" / "plain").is_symlink()


def test_a_broken_spec_leaves_the_old_build_in_use(ground: Environments) -> None:
    folder = ground.succeed("moving", pip=["toolz==1.0.0"])
    done = ground.apply("moving", pip=["toolz==1.0.0", "toolz==99"])
    assert done.returncode == 1
    assert "environment moving could not be built; the old one stays in use" in done.stderr
    assert "toolz==99" in done.stderr
    assert "Traceback" not in done.stderr
    assert ground.current("moving") == folder
    assert kernels.broken(ground.deployment.machine, "moving") is None
    assert "toolz==99" in ground.log("moving")

    running = subprocess.Popen([folder / "bin/python", "-c", "import time; time.sleep(600)"])
    try:
        newer = ground.succeed("moving", pip=["toolz==1.0.0", "six"])
        assert newer != folder
        assert folder.exists(), "a kernel runs in it"
        ground.remove("moving")
        assert kernels.broken(ground.deployment.machine, "moving")
        assert folder.exists()
    finally:
        running.kill()
        running.wait()
    ground.succeed("plain", **ground.specs["plain"])
    assert not ground.home("moving").exists(), "nothing runs in it any more"


def test_conda_specs_are_solved_locked_and_installed(
    ground: Environments, channel: Channel
) -> None:
    folder = ground.succeed(
        "solved", channels=[channel.url], conda=["tiny"], pip=["ipykernel", "toolz==1.0.0"]
    )
    code = "import os; print(os.environ['TINY_HOME'])"
    said = subprocess.check_output([folder / "run", "python", "-c", code], text=True)
    assert said == f"{folder}/tiny home\n", "what its packages want to be run was run"
    assert says(folder, "import tiny, toolz; print(tiny.SIZE, toolz.__version__)") == "1 1.0.0"
    assert "tiny-1.0-0" in folder.with_suffix(".lock").read_text()
    assert "solving tiny" in ground.log("solved")

    (folder / ".complete").unlink()  # as an interrupted run leaves it
    assert "incomplete" in (kernels.broken(ground.deployment.machine, "solved") or "")
    channel.add("tiny", {"site-packages/tiny.py": "SIZE = 2\n"}, version="2.0", depends=["python"])
    assert ground.succeed("solved", **ground.specs["solved"]) == folder
    assert "solving" not in ground.log("solved"), "the lock file says what to install"
    assert says(folder, "import tiny; print(tiny.SIZE)") == "1"
    assert ground.current("solved") == folder
    newer = ground.succeed("solved", **{**ground.specs["solved"], "conda": ["tiny 2.*"]})
    assert says(newer, "import tiny; print(tiny.SIZE)") == "2"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"conda": ["tiny", "no-such-package"]}, "No candidates were found for no-such-package"),
        ({"conda": ["tiny"]}, "it lacks `ipykernel`"),
        ({"conda": ["tiny 9.*"], "pip": ["ipykernel"]}, "tiny 9.*"),
        ({"conda": ["tiny"], "pip": ["ipykernel", "toolz==99"]}, "toolz==99"),
        ({"conda": ["python=2.5"], "pip": ["toolz"]}, "2.5"),
    ],
)
def test_what_can_t_be_built_says_why(
    ground: Environments, channel: Channel, spec: dict[str, Any], words: str
) -> None:
    done = ground.apply("bad", channels=[str(channel.folder)], **spec)
    assert done.returncode == 1
    assert "error: environment bad could not be built: " in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert kernels.broken(ground.deployment.machine, "bad") == "the environment bad is missing"
    ground.remove("bad")
    assert not ground.home("bad").exists()


BACKEND = """
import pathlib, time, zipfile

def build_wheel(folder, *settings, **more):
    pathlib.Path("BEGUN").touch()
    while not pathlib.Path("GO").exists():
        time.sleep(0.05)
    file, info = "NAME-1-py3-none-any.whl", "NAME-1.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder, file), "w") as wheel:
        wheel.writestr("NAME.py", "")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1\\n")
        tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(info + "WHEEL", tags)
        wheel.writestr(info + "RECORD", "")
    return file
"""


@dataclass
class Slow:
    """Packages that are built until they may go on."""

    folder: Path

    def package(self, name: str) -> str:
        """The requirement of a new one."""
        source = self.folder / name
        source.mkdir(parents=True)
        (source / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        marks = {"BEGUN": self.folder / f"{name}.begun", "GO": self.folder / "go", "NAME": name}
        backend = BACKEND
        for mark, value in marks.items():
            backend = backend.replace(mark, str(value))
        (source / "backend.py").write_text(backend)
        return f"{name} @ {source.as_uri()}"

    def begun(self) -> int:
        return len([*self.folder.glob("*.begun")])

    def go(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def test_a_killed_build_is_made_again(ground: Environments, slow: Slow) -> None:
    spec = {"pip": [slow.package("slowpoke")]}
    killed = ground.begin("killed", **spec)
    wait_until(slow.begun)
    killed.kill()
    killed.communicate()
    assert (
        kernels.broken(ground.deployment.machine, "killed") == "the environment killed is missing"
    )
    slow.go()  # the installer that it left goes on
    folder = ground.succeed("killed", **spec)
    assert says(folder, "import slowpoke, ipykernel; print(1)") == "1"
    ground.remove("killed")


def test_no_more_are_built_at_a_time_than_may_be(ground: Environments, slow: Slow) -> None:
    names = ("queue1", "queue2", "queue3")
    specs = {name: {"pip": [slow.package(name)]} for name in names}
    building = [ground.begin(name, **spec) for name, spec in specs.items()]
    wait_until(lambda: slow.begun() == 2)
    time.sleep(2)
    assert slow.begun() == 2
    slow.go()
    for process in building:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    for name in names:
        ground.remove(name)


def hub_settings() -> dict[str, Any]:
    users = {
        name: {
            "uid": 28101 + number,
            "password": hashed(f"{name}'s"),
            "primary_group": group,
            "groups": [group],
        }
        for number, (name, group) in enumerate(PEOPLE.items())
    }
    return {
        "project_name": "envtest",
        "users": users,
        "groups": {name: {"gid": gid} for name, gid in GIDS.items()},
        "profiles": [{"display_name": "Small", "mem_limit": 2 * 1024**3}],
    }


@pytest.fixture(scope="module", params=["none", "unix"])
def served(
    request: pytest.FixtureRequest, runner: Runner, place: Path, channel: Channel
) -> Iterator[Environments]:
    """A hub of either mode."""
    unix = request.param == "unix"
    if unix and os.geteuid() != 0:
        pytest.skip("Unix users need root")
    deployment = new_deployment(
        own_runner() if unix else runner,
        place / f"env-{request.param}",
        project_name="envtest",
        isolation=request.param,
        directory=str(place / f"env-{request.param}-files"),
    )
    (place / f"env-{request.param}-files").mkdir()
    deployment.runner.give(place / f"env-{request.param}-files")
    deployment.settings = hub_settings()
    try:
        deployment.up()
        yield Environments(deployment)
    finally:
        deployment.down()


def entered(hub: Deployment, name: str) -> Person:
    person = hub.person(name)
    person.start()
    person.enter()
    return person


def kernels_of(person: Person) -> list[str]:
    return sorted(person.server_api("GET", "/kernelspecs")["kernelspecs"])


def run_in(person: Person, kernel: str, code: str) -> str:
    model = person.server_api("POST", "/kernels", {"name": kernel})
    assert person.status == 201, model
    with Kernel(person, model["id"]) as started:
        return started.run(code)


def shell(person: Person, command: str) -> str:
    call = (
        "import subprocess; done = subprocess.run("
        f"{command!r}, shell=True, text=True, capture_output=True); "
        "print(done.returncode, done.stdout, done.stderr)"
    )
    with person.kernel() as kernel:
        return kernel.run(call, 120)


def test_environments_are_kernels_of_who_may_use_them(
    served: Environments, channel: Channel
) -> None:
    hub = served.deployment
    served.succeed("Shared", pip=["toolz==1.0.0"])
    ada, bob = entered(hub, "envada"), entered(hub, "envbob")
    try:
        assert kernels_of(ada) == kernels_of(bob) == ["python3", "shared"]
        where = "import sys, toolz; print(sys.prefix, toolz.__version__, end='')"
        assert run_in(bob, "shared", where) == f"{served.current('Shared')} 1.0.0"

        spec = {"channels": [channel.url], "conda": ["tiny=1.0"], "pip": ["ipykernel"]}
        lead = {"envlead": GIDS["envlead"]}
        folder = served.succeed("leads", **spec, groups=lead)
        assert kernels_of(ada) == ["leads", "python3", "shared"], "its server runs already"
        assert kernels_of(bob) == ["python3", "shared"]
        code = "import tiny, shutil; print(shutil.which('python'), end='')"
        assert run_in(ada, "leads", code) == str(folder / "bin" / "python")
        activated = "import os; print(os.environ['TINY_HOME'], os.environ['CONDA_PREFIX'], end='')"
        assert run_in(ada, "leads", activated) == f"{folder}/tiny home {folder}"
        if hub.unix:
            assert "PermissionError" in bob.run(f"import os; os.listdir({str(folder)!r})")
            assert "PermissionError" in bob.run(f"open('{folder}/kernel/kernel.json')")

        both = {**lead, "envcrew": GIDS["envcrew"]}
        assert served.succeed("leads", **spec, groups=both) == folder
        assert kernels_of(bob) == ["leads", "python3", "shared"]
        assert run_in(bob, "leads", code) == str(folder / "bin" / "python")
        served.remove("leads")
        assert kernels_of(ada) == kernels_of(bob) == ["python3", "shared"]
    finally:
        ada.stop()
        bob.stop()


def test_several_groups_keep_the_others_out(served: Environments) -> None:
    hub = served.deployment
    groups = {name: GIDS[name] for name in ("envlead", "envcrew")}
    folder = served.succeed("two-groups", pip=["toolz==1.0.0"], groups=groups)
    cy = entered(hub, "envcy")
    try:
        assert "two-groups" not in kernels_of(cy)
        if hub.unix:
            assert "PermissionError" in cy.run(f"import os; os.listdir({str(folder)!r})")
    finally:
        cy.stop()


def test_people_make_environments_of_their_own(served: Environments) -> None:
    served.succeed("taken", pip=["toolz==1.0.0"])
    bob, bob_home = entered(served.deployment, "envbob"), served.deployment.machine.homes / "envbob"
    try:
        made = shell(bob, "qhub-env create mine -- toolz==1.0.0 && qhub-env list")
        assert made.startswith("0 "), made
        assert "mine is a kernel now" in made
        assert "mine" in kernels_of(bob)
        assert run_in(bob, "mine", "import toolz; print(toolz.__version__, end='')") == "1.0.0"

        failed = shell(bob, "qhub-env create mine -- toolz==99")
        assert failed.startswith("1 "), failed
        assert "toolz==99" in failed
        assert run_in(bob, "mine", "import toolz; print(toolz.__version__, end='')") == "1.0.0"

        file = "dependencies: [python, {pip: [six]}]\nname: filed\n"
        bob.run(f"open('environment.yml', 'w').write({file!r})")
        assert (bob_home / "environment.yml").exists()
        assert shell(bob, "qhub-env create -f environment.yml").startswith("0 ")
        bob.run("open('conda.yml', 'w').write('name: x\\ndependencies: [gdal]')")
        assert "only a conda channel has these: gdal" in shell(bob, "qhub-env create -f conda.yml")
        assert "for all already" in shell(bob, "qhub-env create taken -- six")
        assert "no environment python3 of yours" in shell(bob, "qhub-env remove python3")
        assert shell(bob, "qhub-env remove mine && qhub-env remove filed").startswith("0 ")
        assert wait_until(lambda: not {"mine", "filed"} & {*kernels_of(bob)})
        assert not any((bob_home / ".local/share/qhub/environments").iterdir())
    finally:
        bob.stop()
