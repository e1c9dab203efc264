"""Kernels of what conda-store built: each environment that has `ipykernel` is one.

    store/NAMESPACE/envs/NAME                        conda-store's link to the build in use
    store/NAMESPACE/jupyter/kernels/NAMESPACE-NAME   the kernel, with `run`, which sets it up

A kernel names the build itself, so that one that runs goes on when another is taken into use.
"""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

DASK_OPTION = "DASK_GATEWAY__CLUSTER__OPTIONS__CONDA_ENVIRONMENT"


def publish(namespaces: Sequence[Path], lock_file: Path, *, dask: bool = False) -> None:
    """List the kernels of namespaces as their environments are now.

    Args:
        namespaces: their folders.
        lock_file: what keeps two of these apart.
        dask: whether Dask clusters can run in the environments; those of a kernel then do.
    """
    with lock_file.open("w") as lock:  # builds end side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        for namespace in namespaces:
            _publish(namespace, dask)


def _publish(namespace: Path, dask: bool) -> None:
    listed = _folder(_folder(namespace / "jupyter") / "kernels")
    wanted = {}
    for link in sorted((namespace / "envs").glob("*")):
        build = link.resolve()
        if link.is_symlink() and _is_kernel(namespace, build):
            wanted[_slug(f"{namespace.name}-{link.name}")] = (link.name, build)
    for kernel in listed.iterdir():
        if kernel.name not in wanted:
            shutil.rmtree(kernel)
    for kernel_name, (name, build) in wanted.items():
        told = _dask(f"{namespace.name}/{name}", build) if dask else {}
        _describe(_folder(listed / kernel_name), f"{name} ({namespace.name})", build, told)


def _is_kernel(namespace: Path, build: Path) -> bool:
    packages = build.glob("lib/python3*/site-packages/ipykernel_launcher.py")
    return build.parent == namespace.resolve() and any(packages)


def _dask(environment: str, build: Path) -> dict[str, str]:
    """What makes an environment the default of clusters that its kernel starts, where it can be."""
    packages = build.glob("lib/python3*/site-packages/dask_gateway/scheduler_preload.py")
    able = (build / "bin" / "dask").exists() and any(packages)
    return {DASK_OPTION: repr(environment)} if able else {}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]", "_", name.lower())


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    return path


def _describe(kernel: Path, title: str, build: Path, told: Mapping[str, str]) -> None:
    for picture in build.glob("share/jupyter/kernels/python3/logo-*"):
        _write(kernel / picture.name, picture.read_bytes(), 0o644)
    run = kernel / "run"
    _write(run, _setup(build).encode(), 0o755)
    program = [str(run), str(build / "bin" / "python"), "-m", "ipykernel_launcher"]
    description = {
        "argv": [*program, "-f", "{connection_file}"],
        "display_name": title,
        "language": "python",
        "metadata": {"debugger": True},
        "env": told,
    }
    _write(kernel / "kernel.json", json.dumps(description, indent=1).encode() + b"\n", 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.chmod(mode)
    draft.replace(path)


def _setup(build: Path) -> str:
    """A program of bash that runs another one with all that the environment sets."""
    prefix = shlex.quote(str(build))
    return (
        "#!/bin/bash\n"
        f"export CONDA_PREFIX={prefix}\n"
        'export PATH="$CONDA_PREFIX/bin:$PATH"\n'
        'for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do\n'
        '  [ -f "$script" ] && . "$script"\n'
        "done\n"
        'exec "$@"\n'
    )
