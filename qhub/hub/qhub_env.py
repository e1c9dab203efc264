"""`qhub-env`: environments that people make for themselves, each a kernel of theirs.

Runs in a terminal of a person's server, with the Python of JupyterLab and nothing else of qhub's.
"""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MARK = "qhub_environment"
DASK_OPTION = "DASK_GATEWAY__CLUSTER__OPTIONS__CONDA_ENVIRONMENT"
"""Says in a kernel where the Dask clusters that it starts shall run: in its own environment."""


class Failure(Exception):
    """What can't be done, in words for the person who asked."""


def _data(*parts: str) -> Path:
    return Path.home().joinpath(".local", "share", *parts)


def _kernel(name: str) -> Path:
    return _data("jupyter", "kernels", name.lower())


def _ours(kernel: Path) -> Path | None:
    """The folder of the environment that a kernel is of; None for kernels made otherwise."""
    try:
        description = json.loads((kernel / "kernel.json").read_text(encoding="utf-8"))
        return Path(description["metadata"][MARK])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Failure(f"{name!r} can't be a name: letters, digits, `.`, `_` and `-`, at most 64")
    for folder in filter(None, os.environ.get("JUPYTER_PATH", "").split(os.pathsep)):
        if Path(folder, "kernels", name.lower()).exists():
            raise Failure(f"there is an environment {name} for all already; choose another name")
    kernel = _kernel(name)
    if kernel.exists() and _ours(kernel) is None:
        raise Failure(f"the kernel {kernel} was not made by qhub-env; choose another name")


def _uv(*arguments: str | Path) -> None:
    uv = Path(sys.prefix, "bin", "uv")
    settings = Path(__file__).with_name("uv.json")
    index = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    environment = {**index, **os.environ}
    environment.pop("VIRTUAL_ENV", None)
    # Threads of uv take memory that the limit of a server may not have.
    environment.setdefault("UV_CONCURRENT_INSTALLS", "2")
    environment.setdefault("RAYON_NUM_THREADS", "2")
    command = [str(uv), *map(str, arguments)]
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        raise Failure("uv could not do it; see above")


def _file(path: Path) -> tuple[str | None, list[str], str | None]:
    """Name, requirements and Python of an environment.yml."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        name, requirements, conda = _parts(content)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Failure(f"{path} is no environment file: {error}") from error
    here = re.compile(r"(python|pip)\s*([=<>!~\d.,* ]*)")
    found = {package: here.fullmatch(package) for package in conda}
    foreign = [package for package, match in found.items() if match is None]
    if foreign:
        raise Failure(
            f"only a conda channel has these: {', '.join(foreign)}. List what the Python Package "
            "Index has under `pip:`, or ask for the environment in the hub's configuration."
        )
    python = next((m[2].strip() for m in found.values() if m and m[1] == "python"), "")
    exact = re.fullmatch(r"={0,2}([\d.]+?)(\.\*)?", python)
    return name, requirements, exact[1] if exact else python or None


def _parts(content: Any) -> tuple[str | None, list[str], list[str]]:
    """Name, and what is for pip and for conda, of the content of an environment.yml."""
    listed = content.get("dependencies") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list `dependencies`")
    name, requirements = content.get("name"), []
    if not isinstance(name, str | None):
        raise ValueError(f"`name` is no text: {name!r}")
    for part in [item.get("pip") for item in listed if isinstance(item, dict)]:
        # A text would be taken apart into packages of one letter.
        if not isinstance(part, list) or not all(isinstance(one, str) for one in part):
            raise ValueError(f"`pip` is no list of texts: {part!r}")
        requirements += part
    return name, requirements, [str(item) for item in listed if not isinstance(item, dict)]


def create(name: str | None, packages: Sequence[str], file: Path | None, python: str | None) -> str:
    """Make an environment, or make it anew: the old one stays until the new one works."""
    wanted = [*packages]
    if file:
        named, listed, version = _file(file)
        name, wanted, python = name or named, [*wanted, *listed], python or version
    if not name:
        raise Failure("which name? qhub-env create NAME -- PACKAGES")
    _check_name(name)
    folder = _data("qhub", "environments", f"{name}-{secrets.token_hex(4)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    base = getattr(sys, "_base_executable", sys.executable)
    try:
        _uv("venv", "--quiet", "--no-project", "--python", python or base, folder)
        into = ("--python", folder / "bin" / "python")
        _uv("pip", "install", *into, "--", "ipykernel", *wanted)
        _try(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    before = _ours(_kernel(name))
    _link(name, folder)
    _register(name, folder)
    if before:
        _forget(before)
    return name


def _try(folder: Path) -> None:
    python = str(folder / "bin" / "python")
    if subprocess.run([python, "-I", "-c", "import ipykernel"], check=False).returncode != 0:
        raise Failure("the environment does not work; see above")


def _link(name: str, folder: Path) -> None:
    """Let Dask-Gateway find the environment by its name."""
    draft = folder.parent / f".{folder.name}.new"
    draft.symlink_to(folder.name)
    draft.replace(folder.parent / name)


def _register(name: str, folder: Path) -> None:
    kernel = _kernel(name)
    pictures = folder / "share" / "jupyter" / "kernels" / "python3"
    shutil.copytree(pictures, kernel, dirs_exist_ok=True)
    python = str(folder / "bin" / "python")
    description = {
        "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"{name} (mine)",
        "language": "python",
        "metadata": {"debugger": True, MARK: str(folder)},
        "env": {
            "PATH": f"{folder / 'bin'}:${{PATH}}",
            "VIRTUAL_ENV": str(folder),
            DASK_OPTION: repr(name),
        },
    }
    draft = kernel / "kernel.json.new"
    draft.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    draft.replace(kernel / "kernel.json")


def remove(name: str) -> None:
    """Take an environment of one's own away."""
    kernel = _kernel(name)
    folder = _ours(kernel)
    if folder is None:
        raise Failure(f"there is no environment {name} of yours; see qhub-env list")
    shutil.rmtree(kernel)
    _forget(folder)


def _forget(folder: Path) -> None:
    for link in folder.parent.iterdir():
        if link.is_symlink() and link.readlink() == Path(folder.name):
            link.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def names() -> list[str]:
    """The environments of one's own."""
    folders = map(_ours, _data("jupyter", "kernels").glob("*"))
    return sorted(folder.name.rpartition("-")[0] for folder in folders if folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qhub-env", description="Environments of your own, each a kernel in JupyterLab."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("create", help="make an environment, or make it anew")
    make.add_argument("name", nargs="?", help="name of the kernel")
    make.add_argument("packages", nargs="*", help="requirements, as pip reads them; after --")
    make.add_argument("-f", "--file", type=Path, help="an environment.yml that needs no conda")
    make.add_argument("--python", help="version, such as 3.12; default: JupyterLab's")
    verbs.add_parser("list", help="show those there are")
    verbs.add_parser("remove", help="take one away").add_argument("name")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.verb == "create":
            name = create(options.name, options.packages, options.file, options.python)
            print(f"{name} is a kernel now; reload the page if the launcher doesn't show it yet")
        elif options.verb == "remove":
            remove(options.name)
        else:
            print("\n".join(names()) or "none yet: qhub-env create NAME -- PACKAGES")
    except (Failure, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
