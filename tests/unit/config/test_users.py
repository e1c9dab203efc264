"""Adding and removing people in the file: nothing else of it changes, and it stays valid."""

from __future__ import annotations

import grp
import os
import pwd
import random
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhub.config import Config, load, users
from qhub.config.edit import put, remove
from qhub.config.users import NewUser
from qhub.errors import ConfigError, UsageError

from .support import EXAMPLE, HASH, SECURITY

OTHER = HASH.replace("b", "c")
BLOCK = f"""\
project_name: demo   # ours
security:
    # Who may log in.
    users:
        ada:            # the boss
            uid: 20010
            password: '{HASH}'   # of summer
            primary_group: admin
            # she likes comments
        # nobody else yet

    groups: {{admin: {{gid: 20000}}, users: {{gid: 20001}}}}

theme:
  jupyterhub: {{hub_title: "Ours"}}
"""
FLOW = f"""\
project_name: demo
security:
  users: {{
    ada: {{uid: 20010, password: '{HASH}', primary_group: admin}},  # the boss
    bob: {{uid: 20011, password: '{HASH}', primary_group: users}}   # no comma
  }}
  groups: {{admin: {{gid: 20000}}, users: {{gid: 20001}},}}
"""
JSON = (
    '{"project_name": "demo", "security": {"users": {"ada": {"uid": 20010, '
    f'"primary_group": "admin", "password": "{HASH}"}}}}, '
    '"groups": {"admin": {"gid": 20000}, "users": {"gid": 20001}}}}'
)
LAST = f"project_name: demo\n{SECURITY}"
GROUPS_FIRST = "\n".join(
    [
        "project_name: demo",
        "security:",
        "  groups: {users: {gid: 20001}}",
        "  users:",
        "    ada:",
        "      uid: 20010 #\ta tab",
        "      primary_group: users",
        "      password: |-",
        f"        {HASH}",
    ]
)
WRITTEN = {
    "block": BLOCK,
    "flow": FLOW,
    "json": JSON,
    "last": LAST,
    "no end of line": GROUPS_FIRST,
    "crlf": BLOCK.replace("\n", "\r\n"),
    "bom": "\N{ZERO WIDTH NO-BREAK SPACE}" + BLOCK,
    "example": EXAMPLE.read_text("utf-8"),
    "end marker": f"---\n{BLOCK}...\n",
}


def written(folder: Path, text: str) -> Path:
    path = folder / "qhub-config.yaml"
    path.write_bytes(text.encode())
    return path


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


def add(path: Path, name: str = "ben", **more: object) -> Config:
    with users.draft(path) as draft:
        users.add(draft, NewUser(name, **more))  # type: ignore[arg-type]
        users.set_password(draft, name, HASH)
    return load(path)


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_who_is_added_is_there_and_nothing_else_changes(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    before = load(path)
    after = add(path, groups=["users"])
    assert set(after.security.users) == {*before.security.users, "ben"}
    assert after.security.users["ben"].groups == ["users"]
    assert after.security.users["ben"].password == HASH
    old, new = text.splitlines(keepends=True), text_of(path).splitlines(keepends=True)
    lost = [line for line in old if line.rstrip("\r\n") not in "".join(new)]
    # In brackets the line of a neighbour may get a comma; without line ends it is one line.
    assert len(lost) <= (1 if text in (FLOW, JSON) else 0)
    ends = {line.removesuffix("\n")[-1:] == "\r" for line in new if line.endswith("\n")}
    assert ends <= {"\r\n" in text}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_who_is_added_and_removed_leaves_no_trace(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    before = load(path)
    add(path, groups=["users"])
    with users.draft(path) as draft:
        users.drop(draft, "ben")
    assert load(path) == before
    if text != FLOW:  # the comma that a neighbour got may stay
        assert text_of(path) == text


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_another_password_changes_its_own_characters_only(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    name = next(iter(load(path).security.users))
    old = load(path).security.users[name].password
    assert isinstance(old, str)
    with users.draft(path) as draft:
        users.set_password(draft, name, OTHER)
    assert load(path).security.users[name].password == OTHER
    if text is not GROUPS_FIRST:
        quotes = [f"'{old}'", f'"{old}"', old]
        assert text_of(path) in [text.replace(was, f"'{OTHER}'", 1) for was in quotes]


@pytest.fixture
def empty_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the accounts of a deployment that may run beside the tests."""
    monkeypatch.setattr(pwd, "getpwall", list)
    monkeypatch.setattr(grp, "getgrall", list)


@pytest.mark.usefixtures("empty_machine")
def test_comments_stay_with_whom_they_belong_to(tmp_path: Path) -> None:
    path = written(tmp_path, BLOCK)
    add(path, groups=["users", "admin"], primary_group="users")
    assert text_of(path) == BLOCK.replace(
        "            # she likes comments\n",
        f"""\
            # she likes comments
        ben:
            uid: 20011
            primary_group: users
            secondary_groups: [admin]
            password: '{HASH}'
""",
    )


@pytest.mark.parametrize(
    "section",
    [
        "",
        "security:\n",
        "security: {}\n",
        "security:\n  users: {}   # none yet\n  groups: {}\n",
        "security:\n  users:\n  groups:   # none\ntheme: {}\n",
        "security: {users: {}, groups: ~}\n",
        "security:\n  authentication: {type: password}\n",
    ],
)
def test_the_first_user_makes_what_is_missing(tmp_path: Path, section: str) -> None:
    path = written(tmp_path, f"# ours\nproject_name: demo\n{section}# the end\n")
    config = add(path, groups=["crew"], create_groups=True)
    assert config.security.users["ben"].primary_group == "crew"
    assert config.security.groups["crew"].gid >= 20000
    for comment in ("# ours", "# none yet", "# none", "# the end"):
        assert (comment in section + "# ours # the end") == (comment in text_of(path))


def test_the_last_user_leaves_an_empty_mapping(tmp_path: Path) -> None:
    path = written(tmp_path, BLOCK)
    with users.draft(path) as draft:
        users.drop(draft, "ada")
    assert load(path).security.users == {}
    assert "    users: {}\n        # nobody else yet\n\n    groups" in text_of(path)


def test_numbers_are_those_that_nobody_has(tmp_path: Path) -> None:
    path = written(tmp_path, BLOCK)
    here = {entry.pw_uid for entry in pwd.getpwall()}
    uids = [add(path, name).security.users[name].uid for name in ("no-one", "none", "nix")]
    assert len({20010, *uids}) == 4
    assert not here & set(uids)
    with users.draft(path) as draft:
        with pytest.raises(UsageError, match="the uid 20010 is taken by `ada`"):
            users.add(draft, NewUser("eve", uid=20010))
        if os.getuid() >= 1000:
            with pytest.raises(UsageError, match="on this machine"):
                users.add(draft, NewUser("eve", uid=os.getuid()))


@pytest.mark.usefixtures("empty_machine")
def test_the_largest_number_is_followed_by_a_free_one(tmp_path: Path) -> None:
    text = BLOCK.replace("20010", "2147483647").replace("20001", "65533")
    path = written(tmp_path, text)
    assert add(path).security.users["ben"].uid == 20001
    config = add(path, "cleo", groups=["new"], create_groups=True)
    assert config.security.groups["new"].gid == 65536


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("ada", {}, r"qhub-config.yaml:5:9: there is a user `ada` already"),
        ("Ben", {}, "a user name may hold lower-case letters"),
        ("x" * 28, {}, "has 28 characters"),
        ("ben", {"groups": ["usres"]}, "there is no group `usres`; did you mean `users`"),
        ("ben", {"groups": ["A b"], "create_groups": True}, "a group name may hold"),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(
    tmp_path: Path, name: str, more: dict[str, object], said: str
) -> None:
    path = written(tmp_path, BLOCK)
    with pytest.raises(UsageError, match=said):
        add(path, name, **more)
    assert text_of(path) == BLOCK


def test_a_file_that_is_not_valid_is_not_changed(tmp_path: Path) -> None:
    path = written(tmp_path, text := BLOCK + "themee: 1\n")
    with pytest.raises(ConfigError) as error:
        add(path)
    assert [(p.line, p.column) for p in error.value.problems] == [(16, 1)]
    assert text_of(path) == text
    broken = written(tmp_path, "a: [")
    with pytest.raises(ConfigError):
        add(broken)


def test_who_is_named_elsewhere_is_not_removed(tmp_path: Path) -> None:
    path = written(tmp_path, EXAMPLE.read_text("utf-8"))
    with pytest.raises(ConfigError) as error, users.draft(path) as draft:
        users.drop(draft, "alice")
    assert any("there is no user `alice`" in p.message for p in error.value.problems)
    assert text_of(path) == EXAMPLE.read_text("utf-8")


@pytest.mark.parametrize("people", ["*people", "{<<: *people}"])
def test_what_stands_elsewhere_is_left_to_people(tmp_path: Path, people: str) -> None:
    text = BLOCK.replace("    users:", "    users: &people").replace("theme:", "x:") + (
        f"y: {{users: {people}}}\n"
    )
    with pytest.raises(UsageError, match="the way this file is written"):
        put(text, ("y", "users", "ada", "password"), "x")
    with pytest.raises(UsageError):
        remove(text, ("y", "users", "ada"))


def test_mode_and_links_stay(tmp_path: Path) -> None:
    path = written(tmp_path, BLOCK)
    path.chmod(0o640)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "hub.yaml"
    link.symlink_to(path)
    add(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert "ben" in load(path).security.users
    assert sorted(file.name for file in tmp_path.iterdir()) == ["elsewhere", "qhub-config.yaml"]


def test_changes_at_the_same_time_all_stay(tmp_path: Path) -> None:
    path = written(tmp_path, BLOCK)
    names = [f"user{number}" for number in range(12)]
    threads = [threading.Thread(target=add, args=(path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    people = load(path).security.users
    assert set(people) == {"ada", *names}
    assert len({user.uid for user in people.values()}) == 13


NAMES = st.text("abc0123456789-", min_size=1, max_size=12).filter(
    lambda name: name.strip("-") == name
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    text=st.sampled_from([text for kind, text in WRITTEN.items() if kind != "example"]),
    noise=st.lists(st.sampled_from(["", "# a note", "        # deep", " ", "#x: y"]), max_size=8),
    seed=st.integers(0, 2**16),
)
def test_any_file_with_any_names(
    tmp_path: Path, names: list[str], text: str, noise: list[str], seed: int
) -> None:
    lines, place = text.split("\n"), random.Random(seed)  # noqa: S311
    if text not in (GROUPS_FIRST, JSON):  # a note would belong to the block scalar there
        for line in noise:
            lines.insert(place.randrange(1, max(2, len(lines) - 1)), line)
    path = written(tmp_path, "\n".join(lines))
    before, first = load(path), text_of(path)
    for name in names:
        added = add(path, name, groups=["users"])
        assert added.security.users[name].groups == ["users"]
    after = [line for line in text_of(path).splitlines() if line.strip()]
    if text not in (FLOW, JSON):
        for line in filter(str.strip, first.splitlines()):
            assert line in after
    assert added.security.groups == before.security.groups
    for name in names:
        with users.draft(path) as draft:
            users.set_password(draft, name, OTHER)
            users.drop(draft, name)
    assert load(path) == before
