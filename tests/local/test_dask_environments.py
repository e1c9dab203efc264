"""Dask clusters in the environments of the configuration and in people's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.browser import Kernel, Person
from tests.local.dask import ADA, BEN, Dask, arrived, hub_with_dask, new_cluster
from tests.local.environments import Environments

WHERE = "import sys, six; sys.prefix, six.__version__"
CHOICES = "Gateway().cluster_options()._fields['conda_environment'].options"


@pytest.fixture(scope="module", params=["none", "unix"])
def dask(request: pytest.FixtureRequest, place: Path) -> Iterator[Dask]:
    """Encrypted, as most are that others reach."""
    with hub_with_dask(request.param, place, certificate={"type": "self-signed"}) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def environments(dask: Dask) -> Environments:
    """One with Dask-Gateway for those who lead, and one without for all."""
    found = Environments(dask)
    found.succeed("plain", pip=["six"])
    found.succeed("3.10", pip=["dask-gateway", "six==1.16.0"], groups={"leads": 29110})
    return found


def kernel_of(person: Person, name: str) -> Kernel:
    model = person.server_api("POST", "/kernels", {"name": name})
    assert person.status == 201, model
    return Kernel(person, model["id"])


def choices(kernel: Kernel) -> str:
    return kernel.run(f"from dask_gateway import Gateway; print({CHOICES}, end='')")


def places(kernel: Kernel) -> list[Any]:
    """Prefix and version of six where the notebook, the scheduler and a worker run."""
    kernel.run(
        "cluster.scale(1)\n"
        "def where():\n    import sys, six\n    return sys.prefix, six.__version__"
    )
    asked = "where(), client.run_on_scheduler(where), client.submit(where).result()"
    found = eval(kernel.run(asked, 120))  # noqa: S307 - a tuple, as printed
    kernel.run("cluster.shutdown()")
    return list(found)


def test_a_cluster_runs_where_its_notebook_does(dask: Dask, environments: Environments) -> None:
    ada = arrived(dask, ADA)
    try:
        with kernel_of(ada, "3.10") as kernel:
            assert choices(kernel) == "('python3', '3.10')"
            kernel.run("gateway = Gateway()")
            new_cluster(kernel)
            link = kernel.run("print(cluster.dashboard_link, end='')")
            assert link.startswith(f"https://127.0.0.1:{dask.machine.port}/services/dask-gateway/")
            assert "bokeh" in ada.request(link).lower()
            folder = str(environments.current("3.10"))
            assert places(kernel) == [(folder, "1.16.0")] * 3
            new_cluster(kernel, "conda_environment='python3'")
            assert kernel.run("import sys; client.run_on_scheduler(lambda: sys.prefix)").strip(
                "'"
            ) == str(dask.machine.environment("user"))
        with ada.kernel() as kernel:
            assert choices(kernel) == "('python3', '3.10')"
            kernel.run("gateway = Gateway()")
            new_cluster(kernel, "conda_environment='3.10'")
            said = kernel.run("import sys; client.run_on_scheduler(lambda: sys.prefix)")
            assert said.strip("'") == folder
    finally:
        ada.stop()


def test_what_one_may_not_use_is_not_offered(dask: Dask, environments: Environments) -> None:
    ben = arrived(dask, BEN)
    try:
        with ben.kernel() as kernel:
            assert choices(kernel) == "('python3',)"
            refused = kernel.run("Gateway().new_cluster(conda_environment='3.10')")
            assert "'3.10' is not a valid option for conda_environment" in refused
    finally:
        ben.stop()


def test_a_cluster_runs_in_an_environment_of_one_s_own(dask: Dask) -> None:
    ben = arrived(dask, BEN)
    try:
        with ben.kernel() as kernel:
            create = "!qhub-env create mine -- dask-gateway six==1.17.0"
            assert "mine is a kernel now" in kernel.run(create, 240)
            assert choices(kernel) == "('python3', 'mine')"
        with kernel_of(ben, "mine") as kernel:
            kernel.run("from dask_gateway import Gateway; gateway = Gateway()")
            new_cluster(kernel)
            found = places(kernel)
            assert len(set(found)) == 1
            assert found[0][0].startswith(f"{dask.machine.homes}/{BEN}/.local/share/qhub/")
        with ben.kernel() as kernel:
            assert "is gone" in kernel.run("!qhub-env remove mine && echo is gone")
            assert choices(kernel) == "('python3',)"
    finally:
        ben.stop()
