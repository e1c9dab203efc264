"""Who may do what: a table of people, folders and operations, tried as real Unix users."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local import folders
from tests.local.deployment import GIGABYTE, Deployment, hashed, new_deployment, own_runner
from tests.local.folders import EVERYTHING, NOTHING, READING, SHARING

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="Unix users need root"),
]

# Ada is admin and in the course, Ann only admin; Tom learns; Sue has nothing to do with them.
GROUPS: dict[str, dict[str, Any]] = {
    "admin": {"gid": 31100},
    "team": {"gid": 31101},
    "course": {"gid": 31102, "access": "read-only"},
    "library": {"gid": 31103, "access": "public-read"},
    "others": {"gid": 31104},
}
MEMBERS = {
    "ada": ["admin", "team", "course", "library"],
    "ann": ["admin"],
    "tom": ["course", "team", "library"],
    "sue": ["others"],
}
# folder, whose files are in it, who comes, what they may do with these files
TABLE = [
    ("homes/tom", "tom", "tom", EVERYTHING),
    ("homes/tom", "tom", "ada", NOTHING),
    ("homes/tom", "tom", "sue", NOTHING),
    ("homes/ada", "ada", "tom", NOTHING),
    ("run/tom", "tom", "tom", EVERYTHING),
    ("run/tom", "tom", "ada", NOTHING),
    ("shared/team", "tom", "tom", EVERYTHING),
    ("shared/team", "tom", "ada", SHARING),
    ("shared/team", "ada", "tom", SHARING),
    ("shared/team", "tom", "ann", NOTHING),
    ("shared/team", "tom", "sue", NOTHING),
    ("shared/team/folder", "tom", "ada", SHARING),
    ("shared/team/folder", "tom", "sue", NOTHING),
    ("shared/course", "ada", "tom", READING),
    ("shared/course", "ada", "ann", SHARING),
    ("shared/course", "ann", "ada", SHARING),
    ("shared/course", "ada", "sue", NOTHING),
    ("shared/course/folder", "ada", "tom", READING),
    ("shared/course/folder", "ada", "sue", NOTHING),
    ("shared/library", "ada", "tom", SHARING),
    ("shared/library", "tom", "sue", READING),
    ("shared/library", "tom", "ann", READING),
    ("shared/library/folder", "tom", "ada", SHARING),
    ("shared/library/folder", "tom", "sue", READING),
    ("shared/others", "sue", "tom", NOTHING),
    ("shared/others", "sue", "ada", NOTHING),
    ("shared", "root", "tom", READING),
    ("homes", "root", "tom", READING),
    (".", "root", "tom", READING),
    ("envs/user/bin", "root", "tom", READING),
    ("bin", "root", "tom", READING),
    *((closed, "root", who, NOTHING)
      for closed in ("private", "private/proxy", "hub", "logs", "logs/servers", "supervisor")
      for who in ("ada", "tom", "sue")),
]  # fmt: skip


def person(name: str) -> dict[str, Any]:
    return {
        "uid": 31001 + [*MEMBERS].index(name),
        "password": hashed(f"{name}'s"),
        "admin": "admin" in MEMBERS[name],
        "primary_group": MEMBERS[name][0],
        "groups": MEMBERS[name],
    }


@pytest.fixture(scope="module")
def school(place: Path) -> Iterator[Deployment]:
    deployment = new_deployment(
        own_runner(), place / "school", isolation="unix", project_name="qpplschool"
    )
    deployment.settings |= {
        "users": {name: person(name) for name in MEMBERS},
        "groups": dict(GROUPS),
        "profiles": [{"display_name": "Small", "mem_limit": GIGABYTE}],
    }
    try:
        deployment.up()
        yield deployment
    finally:
        deployment.down()


@pytest.fixture
def changing_school(school: Deployment) -> Iterator[Deployment]:
    before = json.loads(json.dumps(school.settings))
    yield school
    school.settings = before
    school.hub_up()


def as_person(school: Deployment, name: str, code: str, umask: int | None = None) -> str:
    """Run Python code as a server of theirs would; returns what it printed."""
    return folders.as_person(school, name, code if umask is None else f"os.umask({umask})\n{code}")


@pytest.mark.parametrize(("folder", "owner", "who", "may"), TABLE)
def test_who_may_do_what(school: Deployment, folder: str, owner: str, who: str, may: str) -> None:
    assert folders.allowed(school, folder, owner, who) == {*may.split()}


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_program_s_umask_closes_nothing_that_is_shared(school: Deployment, umask: int) -> None:
    folder = school.machine.shared / "team" / f"umask-{umask:o}"
    make = f"os.mkdir({str(folder)!r}); open({str(folder / 'file')!r}, 'w').close()"
    as_person(school, "tom", make, umask)
    as_person(school, "ada", f"open({str(folder / 'file')!r}, 'a').close()")
    as_person(school, "ada", f"open({str(folder / 'another')!r}, 'w').close()")


def test_another_access_holds_at_once_for_old_and_new_files(changing_school: Deployment) -> None:
    school = changing_school
    group, team = school.settings["groups"]["team"], school.machine.shared / "team"
    own, secret, ran = team / "tom's", team / "secret", team / "program"
    for path, mode in ((own, 0o660), (secret, 0o600), (ran, 0o770)):
        as_person(school, "tom", f"open({str(path)!r}, 'w'); os.chmod({str(path)!r}, {mode})")
    write = f"open({str(own)!r}, 'a')"
    assert folders.allowed(school, "shared/team", "ada", "tom") == {*SHARING.split()}

    group["access"] = "read-only"
    school.hub_up()
    assert folders.allowed(school, "shared/team", "ada", "tom") == {*READING.split()}
    assert folders.allowed(school, "shared/team", "ada", "ann") == {*SHARING.split()}
    with pytest.raises(subprocess.CalledProcessError):
        as_person(school, "tom", write)  # though he made it
    as_person(school, "ada", write)

    group["access"] = "public-read"
    school.hub_up()
    assert folders.allowed(school, "shared/team", "ada", "tom") == {*SHARING.split()}
    assert folders.allowed(school, "shared/team", "ada", "sue") == {*READING.split()}
    as_person(school, "tom", write)
    as_person(school, "sue", f"open({str(own)!r}).close(); assert os.access({str(ran)!r}, os.X_OK)")
    with pytest.raises(subprocess.CalledProcessError):
        as_person(school, "sue", f"open({str(secret)!r})")  # its owner closed it

    del group["access"]
    school.hub_up()
    assert folders.allowed(school, "shared/team", "ada", "tom") == {*SHARING.split()}
    assert folders.allowed(school, "shared/team", "ada", "sue") == set()


def test_who_is_no_admin_any_more_does_not_write_what_they_made(
    changing_school: Deployment,
) -> None:
    school = changing_school
    lesson = school.machine.shared / "course" / "lesson"
    as_person(school, "ada", f"open({str(lesson)!r}, 'w').close()")
    ada = school.settings["users"]["ada"]
    ada |= {"admin": False, "primary_group": "team", "groups": ["team", "course"]}
    school.hub_up()
    as_person(school, "ada", f"open({str(lesson)!r}).close()")
    with pytest.raises(subprocess.CalledProcessError):
        as_person(school, "ada", f"open({str(lesson)!r}, 'a')")


def test_a_folder_is_closed_with_its_group_and_opens_with_it_again(
    changing_school: Deployment,
) -> None:
    school = changing_school
    group = school.settings["groups"].pop("library")
    for name in ("ada", "tom"):
        school.settings["users"][name]["groups"] = [
            other for other in MEMBERS[name] if other != "library"
        ]
    school.hub_up()
    assert folders.allowed(school, "shared/library", "root", "tom") == set()
    school.settings["groups"]["library"] = group
    school.settings["users"] = {name: person(name) for name in MEMBERS}
    school.hub_up()
    assert folders.allowed(school, "shared/library", "tom", "ada") == {*SHARING.split()}
    assert folders.allowed(school, "shared/library", "tom", "sue") == {*READING.split()}


def test_nothing_outside_a_shared_folder_is_opened_through_it(changing_school: Deployment) -> None:
    school = changing_school
    team, home = school.machine.shared / "team", school.machine.homes / "tom"
    (home / "diary").write_text("mine")
    os.chown(home / "diary", 31003, 31102)
    before = (home / "diary").stat()
    (team / "link").symlink_to(home / "diary")
    os.link(home / "diary", team / "hard-link")
    school.settings["groups"]["team"]["access"] = "public-read"
    school.hub_up()
    now = (home / "diary").stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_people_find_the_folders_by_the_path_of_the_cluster(school: Deployment) -> None:
    if as_person(school, "tom", "print(os.path.exists('/shared/team'))") == "False\n":
        pytest.skip("root may not mount here, or /shared is something else")
    as_person(school, "tom", "open('/shared/team/note', 'w').write('hello')")
    assert as_person(school, "ada", "print(open('/shared/team/note').read())") == "hello\n"
    with pytest.raises(subprocess.CalledProcessError):
        as_person(school, "sue", "open('/shared/team/note')")
    assert not Path("/shared/team").exists(), "mounted for all of the machine"


def test_links_lead_to_all_folders_that_are_open(school: Deployment) -> None:
    links = {
        name: json.loads(as_person(school, name, "print(json.dumps(sorted(os.listdir('shared'))))"))
        for name in MEMBERS
    }
    assert links == {
        "ada": ["admin", "course", "library", "team"],
        "ann": ["admin", "course", "library"],
        "tom": ["course", "library", "team"],
        "sue": ["library", "others"],
    }
