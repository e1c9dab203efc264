"""A hub with Dask-Gateway and two people, and how they start clusters in a notebook."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from qhub.local import owned, system
from tests.local.browser import Kernel, Person
from tests.local.deployment import (
    GIGABYTE,
    Deployment,
    Runner,
    hashed,
    new_deployment,
    own_runner,
    runner_as_ordinary_user,
)

IS_ROOT = os.geteuid() == 0
DEPLOYER = "qhub-dasktests"
ADA, BEN = "daskada", "daskben"


def people() -> dict[str, Any]:
    """Ada leads, Ben does not."""
    common = {"password": hashed("dask"), "admin": False}
    return {
        ADA: common | {"uid": 29101, "primary_group": "leads", "groups": ["leads", "crew"]},
        BEN: common | {"uid": 29102, "primary_group": "crew", "groups": ["crew"]},
    }


def hub_settings() -> dict[str, Any]:
    return {
        "project_name": "daskproject",
        "users": people(),
        "groups": {"leads": {"gid": 29110}, "crew": {"gid": 29111}},
        "profiles": [{"display_name": "Small", "cpu_limit": 2.0, "mem_limit": 2 * GIGABYTE}],
    }


@dataclass
class Dask(Deployment):
    """A deployment with its gateway; `workers`, … and `more` are what the next apply takes."""

    settings: dict[str, Any] = field(default_factory=hub_settings)
    idle_timeout: float = 30
    more: dict[str, Any] = field(default_factory=dict)
    workers: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"display_name": "Small Worker", "cpu_limit": 1.0, "mem_limit": GIGABYTE},
            {
                "display_name": "Big Worker",
                "groups": ["leads"],
                "cpu_limit": 2.0,
                "mem_limit": 2 * GIGABYTE,
                "threads": 2,
            },
        ]
    )

    def dask_up(self) -> None:
        keys = ("uid", "primary_group", "groups")
        users = self.settings["users"].items()
        settings = {
            "users": {name: {key: user[key] for key in keys} for name, user in users},
            "groups": self.settings["groups"],
            "workers": self.workers,
            "idle_timeout": self.idle_timeout,
            **self.more,
        }
        path = self._written("dask.tfvars.json", settings)
        code = self.runner.package / "hub"
        self.succeed("dask-gateway", "apply", "--settings", path, "--hub", code)

    def clusters(self) -> list[system.Process]:
        return list(owned.clusters(self.machine))

    def nothing_left(self) -> bool:
        return not self.clusters() and not any(self.machine.dask.iterdir())


@contextmanager
def hub_with_dask(mode: str, place: Path, **machine: Any) -> Iterator[Dask]:
    """A hub with Dask-Gateway of this isolation; gone afterwards."""
    if mode == "unix" and not IS_ROOT:
        pytest.skip("Unix users need root")
    made = mode == "none" and IS_ROOT
    runner = _somebody(place / "dask-runner") if made else own_runner()
    base = new_deployment(
        runner, place / f"dask-{mode}", isolation=mode, project_name="daskproject", **machine
    )
    deployment = Dask(base.runner, base.folder, base.machine_settings)
    try:
        deployment.up()
        deployment.dask_up()
        yield deployment
    finally:
        deployment.down()
        shutil.rmtree(base.folder)
        if made:
            subprocess.run(["userdel", DEPLOYER], check=True)
            shutil.rmtree(place / "dask-runner")


def _somebody(folder: Path) -> Runner:
    """An ordinary user, other than that of the tests which may run beside these."""
    folder.mkdir()
    subprocess.run(["userdel", DEPLOYER], capture_output=True, check=False)
    subprocess.run(["useradd", "--user-group", "--no-create-home", DEPLOYER], check=True)
    return runner_as_ordinary_user(folder, int(subprocess.check_output(["id", "-u", DEPLOYER])))


def arrived(dask: Dask, name: str) -> Person:
    person = dask.person(name, "dask")
    person.start()
    person.enter()
    return person


def new_cluster(kernel: Kernel, options: str = "") -> str:
    """The name of a new cluster, `cluster`, with a `client`."""
    said = kernel.run(f"cluster = gateway.new_cluster({options}); print(cluster.name, end='')", 90)
    assert len(said) == 32, said
    # Dask warns where client and scheduler have other versions of something; that is no failure.
    met = kernel.run("client = cluster.get_client(); print(client.status, end='')", 90)
    assert "running" in met, met
    return said
