"""Folders and archives of backups: whole, damaged, full, somebody else's, newer."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.backup import archive
from qhub.backup.manifest import Header
from qhub.backup.owners import Owners
from qhub.backup.restore import WHOLE, Selection, damages, put_back, refuse, refuse_documents
from qhub.backup.save import save
from qhub.backup.store import Store, Whose
from qhub.errors import BackupError, LockedError, UsageError
from tests.unit.backup.trees import DEMO, Trees, described, ignore, restored, saved

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
ODD = "odd\n\udcff"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "a" / "homes" / "ada"
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "one").write_text("one")
    (folder / "work" / "same").write_text("one")
    (folder / ODD).write_bytes(os.urandom(300_000))
    (folder / "empty").touch()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "backup")


@pytest.fixture
def packed(home: Path, store: Store, tmp_path: Path) -> Path:
    """An archive of the home."""
    config = tmp_path / "config.yaml"
    config.write_text("project_name: demo\n")
    header, _ = saved(tmp_path / "a", store, config=config)
    file = tmp_path / "hub.tar.zst"
    archive.pack(store, header, file, ignore)
    return file


def test_all_files_are_for_their_owner_alone(home: Path, packed: Path, store: Store) -> None:
    for path in (packed, store.root, *store.root.rglob("*")):
        assert not path.stat().st_mode & 0o077, path


@pytest.mark.parametrize("path", ["database/jupyterhub.sqlite", "config", "nothing/of/it"])
def test_what_comes_back_with_everything_only_is_not_restored_alone(path: str) -> None:
    refuse_documents(Selection(["homes/ada", "shared"]))
    with pytest.raises(UsageError, match="can't be restored alone"):
        refuse_documents(Selection(["homes/ada", path]))


def test_a_file_is_kept_once_however_often_it_is_there(home: Path, store: Store) -> None:
    saved(home.parents[1], store)
    assert len(list(store.root.glob("objects/*/*"))) == 2


def test_an_archive_comes_back_as_it_was(home: Path, packed: Path, tmp_path: Path) -> None:
    header, damaged = archive.check(packed, WHOLE, ignore)
    assert (header.project_name, damaged) == ("demo", [])
    assert [one.id for one in archive.headers(packed)] == [header.id]
    with archive.unpacked(packed, WHOLE, ignore) as unpacked:
        assert damages(unpacked, header, WHOLE, ignore) == []
        assert not restored(unpacked, tmp_path / "b").failed
    assert described(tmp_path / "b" / "homes" / "ada") == described(home)
    assert not list(tmp_path.glob(".hub*"))


def test_of_an_archive_only_what_is_wanted_is_unpacked(packed: Path) -> None:
    with archive.unpacked(packed, Selection(["homes/ada/work"]), ignore) as unpacked:
        assert len(list(unpacked.root.glob("objects/*/*"))) == 1


def test_tar_unpacks_an_archive(packed: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    done = subprocess.run(["tar", "--zstd", "-C", plain, "-xf", packed], capture_output=True)
    if b"zstd" in done.stderr:
        pytest.skip("no zstd program")
    store = Store(plain)
    header = store.choose(None)
    assert damages(store, header, WHOLE, ignore) == []
    config = store.folder(header.id) / "qhub-config.yaml"
    assert config.read_text() == "project_name: demo\n"


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_damaged_archive_is_told_of(packed: Path, where: float) -> None:
    content = bytearray(packed.read_bytes())
    position = int(len(content) * where)
    content[position : position + 9] = bytes(byte ^ 0x55 for byte in content[position:][:9])
    packed.write_bytes(content)
    try:
        header, damaged = archive.check(packed, WHOLE, ignore)
    except BackupError as error:
        assert str(packed) in error.message  # noqa: PT017  (either way will do)
    else:
        with pytest.raises(BackupError):
            refuse(damaged, header)


def test_an_archive_is_asked_for_the_backup_that_was_named(packed: Path) -> None:
    [header] = archive.headers(packed)
    assert archive.check(packed, WHOLE, ignore, header.id[:10])[0].id == header.id
    with pytest.raises(UsageError, match="no backup is called '1999'"):
        archive.check(packed, WHOLE, ignore, "1999")


def test_what_a_killed_run_had_unpacked_goes_but_not_that_of_one_at_work(packed: Path) -> None:
    left = packed.with_name(f".{packed.name}.unpacked-left")
    left.mkdir()
    (left / "lock").touch()
    (left / "objects").mkdir()
    with archive.unpacked(packed, WHOLE, ignore) as first:
        assert not left.exists()
        with archive.unpacked(packed, WHOLE, ignore):
            assert (first.root / "objects").is_dir()


def test_half_an_archive_is_told_of(packed: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:200_000])
    with pytest.raises(BackupError, match="is damaged"):
        archive.check(packed, WHOLE, ignore)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    from backports import zstd

    file = tmp_path / "other.tar.zst"
    with zstd.ZstdFile(file, "wb") as out, tarfile.open(fileobj=out, mode="w|") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/passwd"))
    with pytest.raises(UsageError, match="no backup of qhub"):
        archive.check(file, WHOLE, ignore)


@pytest.mark.parametrize("change", [b"", b"TWO", None])
def test_each_damaged_file_is_named(home: Path, store: Store, change: bytes | None) -> None:
    header, _ = saved(home.parents[1], store)
    [content] = [path for path in store.root.glob("objects/*/*") if path.stat().st_size == 3]
    content.unlink() if change is None else content.write_bytes(change)
    found = damages(store, header, WHOLE, ignore)
    assert [path for path, _ in found] == ["homes/ada/work/one", "homes/ada/work/same"]
    with pytest.raises(BackupError, match="homes/ada/work/same"):
        refuse(found, header)
    assert damages(store, header, Selection([f"homes/ada/{ODD}"]), ignore) == []
    saved(home.parents[1], store)
    assert damages(store, store.choose(None), WHOLE, ignore) == [], "the next backup mends it"


def test_a_changed_manifest_is_told_of(home: Path, store: Store) -> None:
    header, _ = saved(home.parents[1], store)
    manifest = store.folder(header.id) / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("homes/ada", "homes/ben"))
    with pytest.raises(BackupError, match="was changed"):
        damages(store, header, WHOLE, ignore)


def test_what_is_not_in_it_is_told(home: Path, store: Store) -> None:
    header, _ = saved(home.parents[1], store)
    with pytest.raises(UsageError, match="homes/nobody"):
        damages(store, header, Selection(["homes/nobody"]), ignore)


def test_folders_of_something_else_are_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not empty"):
        saved(tmp_path / "a", Store(tmp_path / "a"))
    store = Store(tmp_path / "backup")
    saved(tmp_path / "a", store)
    with pytest.raises(UsageError, match="holds backups of demo, not of other"):
        save(Trees(tmp_path / "a"), store, Whose("other"), None, 7, ignore)
    with pytest.raises(UsageError, match="holds no backups"):
        Store(tmp_path / "nothing").whose()


def test_a_newer_format_is_refused(home: Path, store: Store) -> None:
    saved(home.parents[1], store)
    marker = store.root / "qhub-backup.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"format": 2}))
    with pytest.raises(BackupError, match="has format 2") as caught:
        store.whose()
    assert "newer" in (caught.value.hint or "")


def test_two_runs_do_not_meet(home: Path, store: Store) -> None:
    saved(home.parents[1], store)
    with store.locked(write=False), store.locked(write=False), pytest.raises(LockedError):
        saved(home.parents[1], store)


def test_a_backup_is_chosen_by_the_beginning_of_its_id(home: Path, store: Store) -> None:
    made = [saved(home.parents[1], store)[0].id for _ in range(2)]
    assert [one.id for one in store.backups()] == made
    assert store.choose(None).id == made[1]
    assert store.choose(made[0]).id == made[0]
    with pytest.raises(UsageError, match="is called") as caught:
        store.choose("2000")
    assert made[0] in (caught.value.hint or "")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 200 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_said_and_leaves_nothing_that_looks_whole(home: Path, small: Path) -> None:
    store = Store(small / "backup")
    with pytest.raises(BackupError, match="no room is left") as caught:
        saved(home.parents[1], store)
    assert "the files are 0.3 MB" in (caught.value.hint or "")
    assert store.backups() == []
    (home / ODD).unlink()
    saved(home.parents[1], store)
    assert len(store.backups()) == 1


def test_a_full_disk_while_packing_leaves_no_archive(
    home: Path, packed: Path, store: Store, small: Path
) -> None:
    header = store.choose(None)
    with pytest.raises(BackupError, match="no room is left"):
        archive.pack(store, header, small / "hub.tar.zst", ignore)
    assert list(small.iterdir()) == []


def test_a_full_disk_while_restoring_ends_it(home: Path, store: Store, small: Path) -> None:
    saved(home.parents[1], store)
    with pytest.raises(BackupError, match="no room is left"):
        restored(store, small)
    assert not (small / "homes" / "ada" / ".qhub-restore").exists()


@needs_root
def test_access_lists_of_homes_get_the_numbers_of_today(home: Path, store: Store) -> None:
    def access_list(uid: int) -> bytes:
        entries = [(1, 6, -1), (2, 4, uid), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
        return struct.pack("<I", 2) + b"".join(
            struct.pack("<HHI", tag, rights, number & 0xFFFFFFFF) for tag, rights, number in entries
        )

    top = home.parents[1]
    before = Owners(unix=True, users={"ada": 32001, "ben": 32002}, groups={"crew": 32100})
    now = before.model_copy(update={"users": {"ada": 32001, "ben": 32052}})
    name = "system.posix_acl_access"
    try:
        os.setxattr(home / "work" / "one", name, access_list(32002))
    except OSError:
        pytest.skip("the file system has no access lists")
    save(Trees(top, before), store, DEMO, None, 7, ignore)
    put_back(Trees(top.parent / "b", now), store, store.choose(None), WHOLE, ignore)
    there = top.parent / "b" / "homes" / "ada" / "work"
    assert os.getxattr(there / "one", name) == access_list(32052)
    again = put_back(Trees(top.parent / "b", now), store, store.choose(None), WHOLE, ignore)
    assert again.written == 0


def test_a_header_tells_what_is_in_it(home: Path, store: Store) -> None:
    header, _ = saved(home.parents[1], store)
    found = Header.load(store.folder(header.id) / "backup.json")
    assert found == header
    assert (found.files, found.bytes) == (4, 300_006)
