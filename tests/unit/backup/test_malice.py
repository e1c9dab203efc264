"""Somebody who changes their home while root reads or writes it gains nothing by it."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.backup.manifest import Entry, read
from qhub.backup.owners import Owners
from qhub.backup.restore import WHOLE, Selection, put_back
from qhub.backup.save import save
from qhub.backup.store import Store
from tests.unit.backup.trees import DEMO, Trees, ignore, restored, saved

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="numbers of others need root")
ROUNDS = 30


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a folder in it."""
    folder = tmp_path / "a" / "homes" / "ada"
    (folder / "work").mkdir(parents=True)
    for name in ("one", "secret", "two"):
        (folder / "work" / name).write_text(f"Ada's {name}")
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that is none of Ada's business."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("not for Ada")
    return folder


@contextlib.contextmanager
def swapping(folder: Path, outside: Path) -> Iterator[None]:
    """Make a folder a link to another one and back, as fast as can be."""
    done, aside = threading.Event(), folder.with_name("aside")

    def swap() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                folder.rename(aside)
            with contextlib.suppress(OSError):
                folder.symlink_to(outside)
            with contextlib.suppress(OSError):
                folder.unlink()
            with contextlib.suppress(OSError):
                aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_backup_reads_nothing_through_a_link(home: Path, outside: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "backup")
    with swapping(home / "work", outside):
        for _ in range(ROUNDS):
            saved(tmp_path / "a", store)
    contents = {path.read_text() for path in store.root.glob("objects/*/*")}
    assert "not for Ada" not in contents


def test_a_restore_writes_nothing_through_a_link(home: Path, outside: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    with swapping(home / "work", outside):
        for _ in range(ROUNDS):
            for path in (home / "work", home / "aside"):
                with contextlib.suppress(OSError):
                    (path / "one").unlink()
            restored(store, tmp_path / "a")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "not for Ada"


def test_a_link_in_the_place_of_a_folder_is_replaced(
    home: Path, outside: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    (home / "work").rename(home / "elsewhere")
    (home / "work").symlink_to(outside)
    (home / "file").symlink_to(outside / "secret")
    [(path, _), *_] = restored(store, tmp_path / "a", Selection(["homes/ada/work/one"])).failed
    assert path == "homes/ada/work", "only one file is wanted: what leads there stays"
    assert (home / "work").is_symlink()
    assert not restored(store, tmp_path / "a").failed
    assert not (home / "work").is_symlink()
    assert (home / "work" / "secret").read_text() == "Ada's secret"
    assert (outside / "secret").read_text() == "not for Ada"


def test_a_folder_that_becomes_a_link_while_it_is_filled(
    home: Path, outside: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    for name in ("one", "two"):
        (home / "work" / name).unlink()

    def swap(path: str, count: int) -> None:
        if path.endswith("/one") and not (home / "work").is_symlink():
            (home / "work").rename(home / "aside")
            (home / "work").symlink_to(outside)

    restored(store, tmp_path / "a", tick=swap)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (home / "aside" / "two").read_text() == "Ada's two"


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(home: Path, tmp_path: Path) -> None:
    def swap(path: str, count: int) -> None:
        if path == "homes/ada/work/one":
            (home / "work" / "two").unlink(missing_ok=True)
            os.mkfifo(home / "work" / "two")

    _, tally = saved(tmp_path / "a", Store(tmp_path / "backup"), tick=swap)
    assert [one.path for one in tally.left_out] == ["homes/ada/work/two"]


@needs_root
def test_a_folder_of_somebody_else_is_given_to_nobody(home: Path, tmp_path: Path) -> None:
    """Ada can put a folder of Ben's in the place of hers, where both may write."""
    store = Store(tmp_path / "backup")
    owners = Owners(unix=True, users={"ada": 32001, "ben": 32002}, groups={"crew": 32100})
    for path in (home, home / "work"):
        os.chown(path, 32001, 32100)
    save(Trees(tmp_path / "a", owners), store, DEMO, None, 7, ignore)
    (home / "work").rename(home / "aside")
    (home / "work").mkdir(mode=0o700)
    (home / "work" / "diary").write_text("Ben's")
    for path in (home / "work", home / "work" / "diary"):
        os.chown(path, 32002, 32100)
    put_back(Trees(tmp_path / "a", owners), store, store.choose(None), WHOLE, ignore)
    assert (home / "work").stat().st_uid == 32002
    assert stat.S_IMODE((home / "work").stat().st_mode) == 0o700


@needs_root
def test_a_staging_folder_of_somebody_else_is_not_used(home: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    (home / ".qhub-restore").mkdir()
    os.chown(home / ".qhub-restore", 32001, 32001)
    [(place, reason)] = restored(store, tmp_path / "a").failed
    assert place == "homes/ada"
    assert "belongs to somebody else" in reason


@pytest.mark.parametrize("path", ["../up", "homes/../../up", "/etc/passwd", "homes//x", ""])
def test_a_manifest_leads_nowhere_else(path: str) -> None:
    line = Entry(path, "file", 0o600, 0, 0, 0).line()
    with pytest.raises(ValueError, match="no path"):
        list(read([line]))
