"""What people's pods are like, and the names in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from qhub.hub import folders, names, pod_jupyter
from qhub.hub.pod import PersonsPod

SETTINGS: dict[str, Any] = {
    "users": {
        "ada": {"uid": 21000, "primary_group": "admin", "groups": ["admin", "users"]},
        "ben": {"uid": 21001, "primary_group": "users", "groups": ["users", "course"]},
        "cy": {"uid": 21002, "primary_group": "guests", "groups": ["guests"]},
    },
    "groups": {
        "admin": {"gid": 20000, "access": "read-write"},
        "users": {"gid": 20001, "access": "read-write"},
        "course": {"gid": 20002, "access": "read-only"},
        "guests": {"gid": 20003, "access": "read-write"},
        "news": {"gid": 20004, "access": "public-read"},
    },
    "cluster": {"shared_claim": "shared", "own_homes": False},
    "conda_store": "global",
    "namespaces": ["global", "users", "ben"],
}


def mounts(name: str, **cluster: Any) -> dict[str, dict[str, Any]]:
    settings = {**SETTINGS, "cluster": {**SETTINGS["cluster"], **cluster}}
    return {mount["mountPath"]: mount for mount in PersonsPod.of(name, settings).mounts}


def test_a_person_has_their_home_and_the_folders_of_their_groups() -> None:
    found = mounts("ben")
    assert found["/home/ben"]["subPath"] == "homes/ben"
    assert found["/shared/users"] == {
        "name": "shared",
        "mountPath": "/shared/users",
        "subPath": "shared/users",
        "readOnly": False,
    }
    assert found["/shared/course"]["readOnly"], "members of a read-only group read"
    assert found["/shared/news"]["readOnly"], "everybody reads a public folder"
    assert not {"/shared/admin", "/shared/guests", "/home/ada"} & {*found}


def test_administrators_write_what_is_read_only_for_members() -> None:
    assert not mounts("ada")["/shared/course"]["readOnly"]
    assert 20002 in PersonsPod.of("ada", SETTINGS).gids, "the folder is the group's"


def test_who_may_read_a_folder_has_its_group() -> None:
    pod = PersonsPod.of("cy", SETTINGS)
    assert (pod.uid, pod.gid, pod.gids) == (21002, 20003, (20004,))
    assert pod.security["runAsNonRoot"]


def test_a_home_of_its_own_is_mounted_by_who_makes_the_pod() -> None:
    assert "/home/ben" not in mounts("ben", own_homes=True)


def test_what_jupyterlab_lacks_is_mounted_with_one_s_own_rooms_alone() -> None:
    volumes = {
        one["name"]: one for one in pod_jupyter.volumes("ben", ["package.json", "static/a.js"])
    }
    assert {mount["name"] for mount in pod_jupyter.mounts()} == {*volumes}
    assert all(mount["readOnly"] for mount in pod_jupyter.mounts())
    [rooms] = volumes["video-chat-rooms"]["secret"]["items"]
    assert rooms == {"key": "ben", "path": "page_config.json"}
    panel = volumes["video-chat-panel"]["configMap"]
    assert {"key": "static..a.js", "path": "static/a.js"} in panel["items"]
    assert panel["optional"], "a server starts without video chat, and gets it later"
    [config] = volumes["jupyter-config"]["configMap"]["items"]
    assert config["key"] == "jupyter_server_config.py", "nothing else of the hub's code"


def test_the_server_is_told_of_its_limits() -> None:
    profile = {"display_name": "Small", "mem_limit": 2**30, "cpu_limit": 1.5}
    told = pod_jupyter.environment(profile)
    assert (told["QHUB_MEMORY"], told["QHUB_PROFILE"]) == ("1 GB", "Small")
    assert told["OMP_NUM_THREADS"] == "2"
    assert "OMP_NUM_THREADS" not in pod_jupyter.environment({"display_name": "x"})


def test_a_person_has_the_environments_of_what_they_see_and_no_others() -> None:
    top = "/opt/qhub/conda-store/store"
    found = {path: mount for path, mount in mounts("ben").items() if path.startswith(top)}
    assert {*found} == {f"{top}/{name}" for name in ("global", "users", "course", "ben")}
    assert found[f"{top}/users"] == {
        "name": "shared",
        "mountPath": f"{top}/users",
        "subPath": "conda-store/store/users",
        "readOnly": True,
    }
    assert f"{top}/users/jupyter" in PersonsPod.of("ben", SETTINGS).kernels
    without = PersonsPod.of("ben", {**SETTINGS, "conda_store": None})
    assert not without.kernels
    assert not [mount for mount in without.mounts if mount["mountPath"].startswith(top)]


def test_names_are_those_of_the_settings() -> None:
    passwd = names.passwd(SETTINGS["users"], SETTINGS["groups"]).splitlines()
    group = names.group(SETTINGS["users"], SETTINGS["groups"]).splitlines()
    assert "ben:x:21001:20001:ben:/home/ben:/bin/bash" in passwd
    assert "users:x:20001:ada,ben" in group
    assert passwd[0].startswith("root:x:0:0:")
    assert all(line.count(":") == 6 for line in passwd)
    assert all(line.count(":") == 3 for line in group)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others, which root alone can")
def test_folders_are_given_to_their_people_and_keep_what_is_in_them(tmp_path: Path) -> None:
    folders.make(SETTINGS, tmp_path)
    (tmp_path / "homes/ben/notes.txt").write_text("mine")
    (tmp_path / "homes/ben").chmod(0o777)
    folders.make(SETTINGS, tmp_path)
    home = (tmp_path / "homes/ben").stat()
    shared = (tmp_path / "shared/users").stat()
    assert (home.st_uid, home.st_gid, home.st_mode & 0o7777) == (21001, 20001, 0o700)
    assert (shared.st_uid, shared.st_gid, shared.st_mode & 0o7777) == (0, 20001, 0o2770)
    assert (tmp_path / "homes/ben/notes.txt").read_text() == "mine"
    built, state = tmp_path / "conda-store/store/users", tmp_path / "conda-store/state"
    assert (built.stat().st_uid, built.stat().st_mode & 0o7777) == (folders.BUILDER, 0o755)
    assert (state.stat().st_uid, state.stat().st_mode & 0o7777) == (folders.BUILDER, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others, which root alone can")
def test_no_folder_is_given_away_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "homes").mkdir()
    (tmp_path / "homes/ben").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="homes/ben"):
        folders.make(SETTINGS, tmp_path)
    assert (tmp_path / "elsewhere").stat().st_uid == 0
