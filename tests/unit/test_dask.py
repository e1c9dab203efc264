"""Dask-Gateway's settings, from the config to what the gateway reads."""

from __future__ import annotations

import ast
from pathlib import Path

from qhub.config import parse
from qhub.hub import dask_environments, dask_service, kernels, qhub_env
from qhub.hub.account import Account
from qhub.hub.profiles import Profiles
from qhub.stages.dask_gateway import gateway_settings

CONFIG = """\
project_name: demo
provider: local
security:
  groups:
    admin: {gid: 20000}
    staff: {gid: 20001}
  users:
    ada: {uid: 21000, primary_group: admin, secondary_groups: [staff], password: {env: PASSWORD}}
    bob: {uid: 21001, primary_group: staff, password: {env: PASSWORD}}
jupyterlab:
  idle_culler: {server_shutdown_no_activity_timeout: 45}
profiles:
  dask_worker:
    Small Worker:
      worker_cores_limit: 0.5
      worker_cores: 0.25
      worker_memory_limit: 1G
      worker_memory: 512M
      worker_threads: 2
    Big Worker:
      worker_cores_limit: 2
      worker_cores: 0
      worker_memory_limit: 4G
      worker_memory: 2G
      groups: [admin]
"""


def test_the_settings_are_the_config_s() -> None:
    settings = gateway_settings(parse(CONFIG))
    assert settings.users["ada"].groups == ["admin", "staff"]
    assert settings.groups["staff"].gid == 20001
    assert settings.idle_timeout == 45
    small, big = settings.workers
    assert (small.display_name, small.threads, small.mem_limit) == ("Small Worker", 2, 2**30)
    assert (small.cpu_limit, small.cpu_guarantee, small.mem_guarantee) == (0.5, 0.25, 2**29)
    assert (big.groups, big.cpu_guarantee) == (["admin"], None)


def test_no_password_reaches_the_gateway() -> None:
    assert "PASSWORD" not in gateway_settings(parse(CONFIG)).model_dump_json()


def test_workers_are_open_to_whom_they_name() -> None:
    settings = gateway_settings(parse(CONFIG)).model_dump()
    groups = {name: user["groups"] for name, user in settings["users"].items()}
    profiles = Profiles(settings["workers"], lambda name: groups.get(name, []))
    assert list(profiles.allowed("ada")) == ["small-worker", "big-worker"]
    assert list(profiles.allowed("bob")) == ["small-worker"]


def test_there_is_a_worker_without_a_word_in_the_config() -> None:
    [worker] = gateway_settings(parse(CONFIG.split("jupyterlab:")[0])).workers
    assert worker.display_name == "Small Worker"


def test_the_hub_s_service_and_the_clients_agree() -> None:
    service = dask_service.service("http://127.0.0.1:20003", "token")
    environment = dask_service.client_environment(service["url"], "https://hub.example.org")
    assert environment["DASK_GATEWAY__ADDRESS"] == f"{service['url']}/services/{service['name']}"
    assert environment["DASK_GATEWAY__PUBLIC_ADDRESS"].startswith("https://hub.example.org/")
    assert "token" not in environment.values()
    assert all(
        f"access:services!service={service['name']}" in role["scopes"]
        for role in dask_service.ROLES
    )


def _environment(folder: Path, *, dask: bool) -> Path:
    """What an environment looks like from outside."""
    packages = folder / "lib" / "python3.12" / "site-packages" / "dask_gateway"
    for path in (folder / "kernel", folder / "bin", packages):
        path.mkdir(parents=True)
    if dask:
        (folder / "bin" / "dask").touch()
        (packages / "scheduler_preload.py").touch()
    return folder


def _account(directory: Path, *groups: str) -> Account:
    settings = {
        "users": {"ada": {"uid": 1, "primary_group": groups[0], "groups": groups}},
        "groups": {name: {"gid": 1} for name in groups},
        "machine": {
            "directory": str(directory),
            "user_python": "/env/bin/python",
            "unix": False,
            "sandbox": [],
        },
    }
    return Account.of("ada", settings)


def test_clusters_run_in_kernels_that_have_dask(tmp_path: Path) -> None:
    for name, group, dask in (("all", None, True), ("geo", "staff", True), ("no", None, False)):
        build = _environment(tmp_path / "environments" / "builds" / name / "hash", dask=dask)
        build.with_name("current").symlink_to("hash")
        link = kernels.folder(tmp_path, group) / "kernels" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(build.with_name("current") / "kernel")
    own = tmp_path / "homes" / "ada" / ".local" / "share" / "qhub" / "environments"
    _environment(own / "mine-1234", dask=True)
    (own / "mine").symlink_to("mine-1234")
    (own / "gone").symlink_to("gone-1234")

    found = dask_environments.offered(_account(tmp_path, "staff"))
    assert list(found) == ["python3", "mine", "all", "geo"]
    assert found["python3"].command("worker") == ["/env/bin/dask", "worker"]
    assert found["mine"].command("worker") == [str(own / "mine-1234" / "bin" / "dask"), "worker"]
    build = tmp_path / "environments" / "builds" / "geo" / "hash"
    assert found["geo"].command("worker") == [f"{build}/run", f"{build}/bin/dask", "worker"]
    assert "geo" not in dask_environments.offered(_account(tmp_path, "guests"))


def test_a_kernel_names_its_environment_as_dask_reads_it() -> None:
    [(key, value)] = dask_environments.variable("3.10").items()
    assert key.removeprefix("DASK_").replace("__", ".").lower() == (
        f"gateway.cluster.options.{dask_environments.OPTION}"
    )
    assert ast.literal_eval(value) == "3.10"
    assert {qhub_env.DASK_OPTION} == {key}
