"""What a backup holds of a tree, and what a restore makes of it again."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhub.backup.owners import Owners, Renumbering
from qhub.backup.restore import WHOLE, Selection, damages, put_back
from qhub.backup.save import save
from qhub.backup.store import Store
from tests.unit.backup.trees import DEMO, Trees, described, ignore, restored, saved

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="numbers of others need root")

names = (
    st.binary(min_size=1, max_size=40)
    .filter(lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b".."))
    .filter(lambda name: not name.startswith(b".qhub") and name != b".cache")
)
contents = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda n, b: b * n, st.integers(1, 3000), st.binary(min_size=1, max_size=999)),
)
modes = st.integers(0, 0o777)
times = st.integers(0, 4 * 10**18)
leaves = st.one_of(
    st.tuples(st.just("file"), contents, modes, times),
    st.tuples(st.just("sparse"), st.lists(st.integers(1, 9), max_size=3), modes, times),
    st.tuples(st.just("symlink"), st.sampled_from(["/etc/passwd", "..", "no\nwhere", "x" * 99])),
    st.tuples(st.just("hardlink"), st.just(None)),
)
trees = st.recursive(
    st.dictionaries(names, leaves, max_size=4),
    lambda inner: st.dictionaries(
        names, leaves | st.tuples(st.just("folder"), inner, modes, times), max_size=4
    ),
    max_leaves=8,
)


def grow(folder: Path, tree: dict[bytes, Any], files: list[Path]) -> None:
    """Make a tree; folders get mode and time once they are full."""
    for name, (kind, *what) in tree.items():
        path = folder / os.fsdecode(name)
        if kind == "symlink":
            path.symlink_to(what[0])
            continue
        if kind == "hardlink":
            if files:
                path.hardlink_to(files[0])
            continue
        if kind == "folder":
            path.mkdir()
            grow(path, what[0], files)
        else:
            with path.open("wb") as file:
                if kind == "file":
                    file.write(what[0])
                else:
                    for gap in what[0]:
                        file.seek(gap * 70_000, os.SEEK_CUR)
                        file.write(b"data" * gap)
                    file.truncate(file.tell() + 100_000)
            files.append(path)
        path.chmod(what[1] | (0o700 if os.geteuid() else 0))
        os.utime(path, ns=(0, what[2]))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=trees)
def test_a_tree_comes_back_as_it_was(tree: dict[bytes, Any]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        home = top / "a" / "homes" / "ada"
        home.mkdir(parents=True)
        grow(home, tree, [])
        store = Store(top / "backup")
        _, tally = saved(top / "a", store)
        assert not tally.unreadable
        result = restored(store, top / "b")
        assert not result.failed
        assert described(top / "b" / "homes" / "ada") == described(home)
        again = restored(store, top / "b")
        assert (again.written, again.failed) == (0, [])


def test_holes_take_no_room(tmp_path: Path) -> None:
    home = tmp_path / "a" / "homes" / "ada"
    home.mkdir(parents=True)
    with (home / "huge").open("wb") as file:
        file.write(b"start")
        file.seek(2**43)
        file.write(b"end")
    if (home / "huge").stat().st_blocks > 100:
        pytest.skip("the file system has no holes")
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    assert not restored(store, tmp_path / "b").failed
    huge = tmp_path / "b" / "homes" / "ada" / "huge"
    assert huge.stat().st_size == 2**43 + 3
    assert huge.stat().st_blocks < 100
    with huge.open("rb") as file:
        assert file.read(6) == b"start\0"
        file.seek(2**43)
        assert file.read() == b"end"


def test_what_is_no_file_is_told_of_and_caches_are_passed_over(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ada"
    (home / ".cache").mkdir(parents=True)
    (home / ".cache" / "big").write_text("x")
    os.mkfifo(home / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(home)  # the path of a socket must be short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        header, tally = saved(tmp_path, Store(tmp_path / "backup"))
    assert {one.path: one.reason for one in tally.left_out} == {
        "homes/ada/pipe": "a pipe",
        "homes/ada/socket": "a socket",
    }
    assert header.files == 0


def test_attributes_come_along(tmp_path: Path) -> None:
    home = tmp_path / "a" / "homes" / "ada"
    home.mkdir(parents=True)
    (home / "file").write_text("x")
    try:
        os.setxattr(home / "file", "user.colour", b"blue\0")
    except OSError:
        pytest.skip("the file system has no attributes")
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    restored(store, tmp_path / "b")
    assert os.getxattr(tmp_path / "b/homes/ada/file", "user.colour") == b"blue\0"


def test_a_file_that_never_holds_still_is_told_of(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ada"
    home.mkdir(parents=True)
    (home / "log").write_text("x")

    def append(path: str, count: int) -> None:
        if path == "homes/ada/log" and not count:
            with (home / "log").open("a") as file:
                file.write("more")

    _, tally = saved(tmp_path, Store(tmp_path / "backup"), tick=append)
    assert tally.unsettled == ["homes/ada/log"]


def test_only_what_changed_is_copied(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ada"
    home.mkdir(parents=True)
    for number in range(20):
        (home / f"{number}").write_text(f"number {number}")
    time.sleep(2.1)  # younger files could change again within the same tick of the clock
    store = Store(tmp_path / "backup")
    assert saved(tmp_path, store)[1].copied == 20
    (home / "3").write_text("NUMBER 3")
    os.utime(home / "3", ns=(0, (home / "4").stat().st_mtime_ns))
    (home / "new").write_text("new")
    assert saved(tmp_path, store)[1].copied == 2
    shutil.rmtree(home)
    assert not restored(store, tmp_path).failed
    assert (home / "3").read_text() == "NUMBER 3"
    assert len(list(home.iterdir())) == 21


def test_what_a_killed_run_had_done_is_not_done_again(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ada"
    home.mkdir(parents=True)
    for number in range(30):
        (home / f"{number:02}").write_text(f"number {number}")
    time.sleep(2.1)
    store, seen = Store(tmp_path / "backup"), []

    def cut(path: str, count: int) -> None:
        seen.append(path)
        if path.endswith("/20"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, store, tick=cut)
    assert store.backups() == []
    assert saved(tmp_path, store)[1].copied == 10
    assert not store.unfinished()


def test_older_backups_go_with_what_only_they_hold(tmp_path: Path) -> None:
    home, store = tmp_path / "homes" / "ada", Store(tmp_path / "backup")
    home.mkdir(parents=True)
    for text in ("first", "second", "third"):
        (home / "file").write_text(text)
        saved(tmp_path, store, keep=2)
    assert len(store.backups()) == 2
    kept = {path.read_text() for path in store.root.glob("objects/*/*")}
    assert kept == {"second", "third"}
    for header in store.backups():
        assert damages(store, header, Selection(), ignore) == []


@needs_root
def test_files_get_the_numbers_that_their_owners_have_now(tmp_path: Path) -> None:
    home = tmp_path / "a" / "homes" / "ada"
    shared = tmp_path / "a" / "shared" / "crew"
    for folder in (home, shared):
        folder.mkdir(parents=True)
    for path, uid, gid, mode in (
        (home / "mine", 32001, 32100, 0o4750),
        (shared / "bens", 32002, 32100, 0o660),
        (shared / "gone", 32003, 32103, 0o4775),
    ):
        path.write_text("x")
        os.chown(path, uid, gid)
        path.chmod(mode)
    before = Owners(
        unix=True, users={"ada": 32001, "ben": 32002}, groups={"crew": 32100}, primary={}
    )
    now = before.model_copy(
        update={"users": {"ada": 32051, "ben": 32052}, "groups": {"crew": 32150}}
    )
    store, source = Store(tmp_path / "backup"), Trees(tmp_path / "a", before)
    save(source, store, DEMO, None, 7, ignore)
    target = Trees(tmp_path / "b", now)
    assert not put_back(target, store, store.choose(None), WHOLE, ignore).failed

    def seen(path: str) -> tuple[int, int, int]:
        found = (tmp_path / "b" / path).stat()
        return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)

    assert seen("homes/ada/mine") == (32051, 32150, 0o4750)
    assert seen("shared/crew/bens") == (32052, 32150, 0o660)
    assert seen("shared/crew/gone") == (0, 0, 0o775), "nobody of today gets it, nor privileges"


def test_files_of_one_account_become_those_of_people() -> None:
    present = Owners(
        unix=True, users={"ada": 1}, groups={"crew": 2, "all": 3}, primary={"ada": "all"}
    )
    numbers = Renumbering(Owners(unix=False), present)
    assert numbers.from_one_account
    ada, crew = numbers.owner("homes/ada", 7, 7), numbers.owner("shared/crew", 7, 7)
    assert ada is not None
    assert crew is not None
    assert (ada.uid, ada.gid) == (1, 3)
    assert (crew.uid, crew.gid) == (0, 2)


@pytest.mark.parametrize(
    ("selection", "there"),
    [
        (WHOLE, True),
        (Selection(["homes/ada"]), False),
        (Selection(missing=True), False),
    ],
)
def test_documents_come_back_with_everything_only(
    tmp_path: Path, selection: Selection, there: bool
) -> None:
    (tmp_path / "a" / "homes" / "ada").mkdir(parents=True)
    database = tmp_path / "hub.sqlite"
    database.write_bytes(b"tables")
    store = Store(tmp_path / "backup")
    source = Trees(tmp_path / "a", documents_={"database/hub.sqlite": database})
    save(source, store, DEMO, None, 7, ignore)
    put_back(source, store, store.choose(None), selection, ignore)
    assert source.put_ == ({"database/hub.sqlite": b"tables"} if there else {})


def test_only_what_is_selected_comes_back(tmp_path: Path) -> None:
    for path in ("homes/ada/work/deep/one", "homes/ada/other", "homes/ben/two", "shared/crew/x"):
        (tmp_path / "a" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / path).write_text(path)
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    selection = Selection(["homes/ada/work/deep/one", "shared/crew"])
    assert not restored(store, tmp_path / "b", selection).failed
    files = [path for path in (tmp_path / "b").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "b")) for path in files} == {
        "homes/ada/work/deep/one",
        "shared/crew/x",
    }


def test_what_is_there_stays_when_only_what_is_missing_is_wanted(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ada"
    home.mkdir(parents=True)
    for name in ("kept", "gone"):
        (home / name).write_text("old")
    store = Store(tmp_path / "backup")
    saved(tmp_path, store)
    (home / "gone").unlink()
    (home / "kept").write_text("newer")
    (home / "later").write_text("newer")
    result = restored(store, tmp_path, Selection(missing=True))
    assert (result.written, result.kept, result.failed) == (1, 1, [])
    assert {path.name: path.read_text() for path in home.iterdir()} == {
        "gone": "old",
        "kept": "newer",
        "later": "newer",
    }
