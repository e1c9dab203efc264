"""The command line and the configuration against their parts: bare imports, bare parsing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.result import Result, seconds, side_by_side

EXAMPLE = Path(__file__).parents[1] / "qhub-config.example.yaml"
IMPORTS = [sys.executable, "-c", "import pydantic, ruamel.yaml, typer"]
QHUB = [sys.executable, "-m", "qhub"]
ROUNDS = 15
WHY = (
    "`import pydantic` loads none of its models yet: with BaseModel and what typer loads to run"
    " a command, the same imports alone take about 1.6 times the reference."
)
USERS, GROUPS = 10_000, 1_000
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b+dWRWJTmaaJObGJObGJObGJOb"


def run() -> Iterator[Result]:
    """Needs nothing but this package."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "qhub-config.yaml"
        bytecode = Path(folder) / "bytecode"
        quiet([*QHUB, "init", "-c", str(path), "--yes"], bytecode)
        yield start("qhub --help", ["--help"], bytecode)
        for name, file in (("what init writes", path), ("the example", EXAMPLE)):
            yield start(f"qhub validate of {name}", ["validate", "-c", str(file)], bytecode, WHY)
    yield many_users()


def quiet(program: list[str], bytecode: Path) -> None:
    """Runs a program of Python with its modules compiled ahead, as they are once installed."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(program, check=True, capture_output=True, env=environment)


def start(name: str, arguments: list[str], bytecode: Path, note: str = "") -> Result:
    """A command against only importing the libraries that it is made of."""

    def ours() -> None:
        quiet([*QHUB, *arguments], bytecode)

    def bare() -> None:
        quiet(IMPORTS, bytecode)

    ours(), bare()
    measured, reference = side_by_side(ours, bare, ROUNDS)
    return Result(f"{name}, against bare imports", measured, reference, 1.5, note)


def many_users() -> Result:
    """Validation of a large file against ruamel.yaml's own parsing of the same text."""
    from ruamel.yaml import YAML

    from qhub.config import parse

    text = large()
    ours, reference = seconds(lambda: parse(text)), seconds(lambda: _consumed(YAML, text))
    name = f"{USERS:,} users in {GROUPS:,} groups, against parsing"
    return Result(name, ours, reference, 10)


def _consumed(parser: type, text: str) -> None:
    for _ in parser(typ="safe", pure=True).parse(text):
        pass


def large() -> str:
    """A configuration with many users and groups."""
    users = "".join(
        f"    user{n}:\n      uid: {20_000 + n}\n      password: {HASH}\n"
        f"      primary_group: group{n % GROUPS}\n"
        f"      secondary_groups: [users, group{(n + 7) % GROUPS}]\n"
        for n in range(USERS)
    )
    groups = "".join(f"    group{n}: {{gid: {30_000 + n}}}\n" for n in range(GROUPS))
    return (
        f"project_name: demo\nsecurity:\n  users:\n{users}"
        f"  groups:\n    users: {{gid: 20000}}\n{groups}"
    )
