"""What an environment asks for, and who may enter its folder."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from qhub.config import parse
from qhub.hub.kernels import jupyter_path
from qhub.local import access, conda, specs
from qhub.local.settings import EnvironmentSettings
from qhub.stages.conda_store import LocalCondaStore

from ..config.support import EXAMPLE


def spec(*conda: str, pip: tuple[str, ...] = ()) -> EnvironmentSettings:
    return EnvironmentSettings(channels=["conda-forge"], conda=[*conda], pip=[*pip])


@pytest.mark.parametrize(
    ("packages", "needed"),
    [
        ((), False),
        (("python",), False),
        (("python=3.12", "pip"), False),
        (("python >=3.11,<3.14", "pip>=24"), False),
        (("python=3.12", "pandas"), True),
        (("python=3.12.1=h_cpython",), True),
        (("conda-forge::python",), True),
        (("python-dateutil",), True),
        (("pypy",), True),
    ],
)
def test_only_what_names_conda_packages_needs_conda(
    packages: tuple[str, ...], needed: bool
) -> None:
    assert specs.needs_conda(spec(*packages)) == needed


@pytest.mark.parametrize(
    ("package", "request_"),
    [
        ("python", None),
        ("python=3.12", "3.12"),
        ("python==3.12.1", "3.12.1"),
        ("python 3.12.*", "3.12"),
        ("python>=3.11, <3.14", ">=3.11,<3.14"),
    ],
)
def test_the_python_in_the_words_of_uv(package: str, request_: str | None) -> None:
    assert specs.python_request(spec(package)) == request_


def test_the_kernel_comes_from_where_the_rest_comes_from() -> None:
    assert specs.requirements(spec(pip=("six",))) == ["six", "ipykernel"]
    assert specs.requirements(spec(pip=("IPyKernel>=6",))) == ["IPyKernel>=6"]
    assert specs.requirements(spec("pandas", pip=("six",))) == ["six"]
    assert specs.conda_packages(spec("pandas")) == ["pandas", "ipykernel"]
    assert specs.conda_packages(spec("x::ipykernel =6")) == ["x::ipykernel =6"]
    assert specs.conda_packages(spec("pandas", pip=("ipykernel",))) == ["pandas"]


def test_who_may_use_it_changes_no_fingerprint() -> None:
    one = spec("pandas")
    assert specs.fingerprint(one, "p") == specs.fingerprint(
        one.model_copy(update={"groups": {"a": 1}}), "p"
    )
    assert specs.fingerprint(one, "p") != specs.fingerprint(one, "q")
    assert specs.fingerprint(one, "p") != specs.fingerprint(spec("pandas", "numpy"), "p")


def test_the_stage_gives_groups_with_their_numbers() -> None:
    given = LocalCondaStore().inputs(parse(EXAMPLE.read_text("utf-8"))).environments
    assert given["data"].groups == {"users": 20001}
    assert given["data"].conda == ["python=3.12", "pandas"]
    assert given["plain"].groups is None
    assert not specs.needs_conda(given["plain"])


def test_without_environments_there_is_no_such_stage() -> None:
    config = parse(EXAMPLE.read_text("utf-8"))
    assert LocalCondaStore().applies_to(config)
    assert not LocalCondaStore().applies_to(config.model_copy(update={"environments": {}}))


def test_the_solver_s_words() -> None:
    said = RuntimeError("Cannot solve the request because of: No candidates were found for x *.\n")
    assert conda.in_words(said, ["a"]) == "No candidates were found for x * (channels: a)"
    said = OSError("error sending request for url (https://a:b@c.org/t/secret/x)\nCaused by: dns")
    assert conda.in_words(said, ["https://a:b@c.org/t/secret/x"]) == (
        "the channel https://***@c.org/t/***/x can't be reached at c.org: dns"
    )
    said = RuntimeError("…: No candidates were found for ipykernel *.")
    assert conda.in_words(said, ["a"]).startswith("it lacks `ipykernel`")


def test_kernels_of_one_s_groups() -> None:
    assert jupyter_path("/d", ["a", "b"]) == (
        "/d/environments/everyone:/d/environments/groups/a:/d/environments/groups/b"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to other groups")
def test_a_folder_for_groups(tmp_path: Path) -> None:
    folder = tmp_path / "guarded"
    access.guard(folder, None)
    assert folder.stat().st_mode & 0o777 == 0o755
    access.guard(folder, [28111])
    assert (folder.stat().st_mode & 0o777, folder.stat().st_gid) == (0o750, 28111)
    before = folder.stat()
    access.guard(folder, [28111])
    assert folder.stat().st_ctime_ns == before.st_ctime_ns, "left alone where it is right"
    access.guard(folder, [])
    assert folder.stat().st_mode & 0o077 & 0o007 == 0


def test_an_access_list_as_the_kernel_reads_it() -> None:
    entries = [*struct.iter_unpack("<HHI", access.Rights(named={7: 5, 5: 5}).packed()[4:])]
    assert [(tag, rights) for tag, rights, _ in entries] == [
        (1, 7), (4, 0), (8, 5), (8, 5), (16, 5), (32, 0),
    ]  # fmt: skip
    assert [number for tag, _, number in entries if tag == 8] == [5, 7]
