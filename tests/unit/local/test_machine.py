"""From settings to a machine, and what stands in the way."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.errors import PreflightError
from qhub.local import interpreter, machine, owned
from qhub.local.facts import Machine
from qhub.local.settings import MachineSettings


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deployment" / ".qhub").mkdir(parents=True)
    return tmp_path / "deployment"


def resolve(folder: Path, **settings: Any) -> Machine:
    defaults = {"project_name": "demo", "directory": "state", "isolation": "none"}
    wanted = MachineSettings.model_validate(defaults | settings)
    return machine.resolve(wanted, folder / ".qhub" / "machine.json")


def problems(folder: Path, **settings: Any) -> str:
    with pytest.raises(PreflightError) as caught:
        resolve(folder, **settings)
    return caught.value.message


def test_everything_wrong_is_told_at_once_and_nothing_changes(folder: Path, taken: int) -> None:
    told = problems(
        folder,
        port=taken,
        address="0.0.0.0",  # noqa: S104
        python="/nowhere/python",
        directory="bad;name",
        certificate={"type": "disabled"},
    )
    assert told.count("\n  - ") == 4
    for part in (
        "plain HTTP on 0.0.0.0",
        f"port {taken} is taken by",
        "/nowhere/python",
        "bad;name",
    ):
        assert part in told
    assert [path.name for path in folder.rglob("*")] == [".qhub"]


def test_a_taken_port_comes_with_a_free_one(folder: Path, taken: int) -> None:
    told = problems(folder, port=taken)
    assert f"process {os.getpid()}" in told
    assert "is free: set local.port" in told


def test_it_is_quick(folder: Path, port: int) -> None:
    resolve(folder, port=port)
    started = time.monotonic()
    resolve(folder, port=port)
    assert time.monotonic() - started < 0.3


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:{port}"),
        ({"address": "::1"}, "http://[::1]:{port}"),
        ({"certificate": {"type": "self-signed"}}, "https://127.0.0.1:{port}"),
        (
            {"address": "0.0.0.0", "allow_insecure": True},  # noqa: S104
            f"http://{socket.gethostname()}:{{port}}",
        ),
    ],
)
def test_the_address_to_visit(folder: Path, port: int, settings: dict[str, Any], url: str) -> None:
    assert resolve(folder, port=port, **settings).url == url.format(port=port)


def test_folder_and_internal_ports_stay(folder: Path, port: int) -> None:
    facts = folder / ".qhub" / "machine.json"
    first = resolve(folder, port=port)
    first.save(facts)
    assert resolve(folder, port=port).ports == first.ports
    assert resolve(folder, port=port, directory=None).directory == first.directory
    assert "destroy it first" in problems(folder, port=port, directory="elsewhere")


def test_a_folder_of_another_deployment_is_refused(folder: Path, port: int, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".qhub").mkdir(parents=True)
    theirs = resolve(other, port=port, directory=str(tmp_path / "shared"))
    theirs.directory.mkdir()
    owned.mark(theirs)
    told = problems(folder, port=port, directory=str(tmp_path / "shared"))
    assert f"belongs to the deployment in {other}" in told
    assert "local.directory" in told


def test_a_folder_with_something_in_it_is_refused(folder: Path, port: int) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "thesis").touch()
    assert "is not empty" in problems(folder, port=port)


def test_a_certificate_of_ones_own_must_be_there(folder: Path, port: int) -> None:
    told = problems(
        folder, port=port, certificate={"type": "existing", "certificate_file": "cert.pem"}
    )
    assert f"certificate_file {folder / 'cert.pem'} can't be read" in told
    assert "there is no key_file" in told


def test_no_isolation_is_said(folder: Path, port: int) -> None:
    assert "not isolated from each other" in resolve(folder, port=port).notices[0]


def test_a_python_under_a_closed_folder_is_out_of_reach(tmp_path: Path) -> None:
    home = tmp_path / "home"
    python = home / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    home.chmod(0o700)
    assert interpreter.closed_folder(python) is not None
    assert not interpreter.reachable(python)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_unix_users_need_root(folder: Path, port: int) -> None:
    assert "that needs root" in problems(folder, port=port, isolation="unix")


def test_long_folders_get_a_short_socket(folder: Path, port: int) -> None:
    found = resolve(folder, port=port, directory=str(folder / ("long" * 30)))
    assert not found.sockets.is_relative_to(found.directory)
    assert len(str(found.sockets / "supervisor.sock.12345678")) < 104
