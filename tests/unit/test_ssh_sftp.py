"""What serves files in people's pods, against the real sftp and scp of OpenSSH."""

from __future__ import annotations

import ast
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import qhub.hub.ssh

SOURCE = Path(qhub.hub.ssh.__file__).with_name("sftp.py")
needs_sftp = pytest.mark.skipif(not shutil.which("sftp"), reason="needs the OpenSSH client")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def batch(home: Path, *lines: str, fails: bool = False) -> str:
    """What sftp says to these lines; it stops at the first that fails."""
    server = f"{sys.executable} -I -S {SOURCE}"
    done = subprocess.run(
        ["sftp", "-b", "-", "-D", server],
        cwd=home,
        input="\n".join(lines) + "\n",
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_sftp
def test_files_arrive_whole_both_ways(home: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(20 * 1024 * 1024))
    (tmp_path / "back").mkdir()
    batch(home, f"put {big} there", f"get there {tmp_path}/back/again")
    assert (home / "there").read_bytes() == big.read_bytes()
    assert (tmp_path / "back" / "again").read_bytes() == big.read_bytes()


@needs_sftp
def test_a_transfer_goes_on_where_it_stopped(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789" * 100_000)
    (home / "file").write_bytes(b"0123456789" * 30_000)
    batch(home, f"reput {tmp_path}/file file")
    assert (home / "file").read_bytes() == (tmp_path / "file").read_bytes()


@needs_sftp
def test_folders(home: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "name with ü").write_text("deep")
    batch(home, "mkdir here", f"put -r {tree} here", "rename here/tree here/other")
    assert (home / "here/other/below/name with ü").read_text() == "deep"
    for number in range(250):
        (home / "here" / f"{number:03}").touch()
    assert batch(home, "ls -1 here").count("here/") == 251
    batch(home, "rm here/0*", "rm here/1*", "rm here/2*")
    assert [path.name for path in (home / "here").iterdir()] == ["other"]


@needs_sftp
def test_what_a_listing_shows(home: Path) -> None:
    (home / "file").write_text("four")
    (home / "file").chmod(0o640)
    (home / "link").symlink_to("file")
    said = batch(home, "ls -l", "df -h", "pwd")
    assert "-rw-r-----" in said
    assert "lrwxrwxrwx" in said
    assert f"Remote working directory: {home}" in said


@needs_sftp
def test_modes_times_and_links(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o751)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    batch(home, f"put -p {file} script", "ln script hard", "ln -s script soft", "chmod 600 script")
    status = (home / "script").stat()
    assert (status.st_mode & 0o777, int(status.st_mtime)) == (0o600, 1_000_000_000)
    assert (home / "hard").samefile(home / "script")
    assert (home / "soft").readlink() == Path("script")


@needs_sftp
def test_what_can_t_be_done_is_told(home: Path) -> None:
    assert "not found" in batch(home, "get nothing", fails=True)
    (home / "one").mkdir()
    (home / "one" / "file").touch()
    assert "Failure" in batch(home, "rmdir one", fails=True)
    batch(home, "-rm nothing", "mkdir after")
    assert (home / "after").is_dir()


def test_nonsense_ends_it(home: Path) -> None:
    def say(data: bytes) -> bytes:
        server = [sys.executable, "-I", "-S", SOURCE]
        return subprocess.run(server, input=data, cwd=home, capture_output=True, timeout=20).stdout

    assert say(struct.pack("!I", 1 << 31)) == b""
    assert say(struct.pack("!I", 0)) == b""
    [status] = struct.unpack_from("!I", say(struct.pack("!IBI", 5, 99, 7))[9:])
    assert status == 8
    short = struct.pack("!IBII", 9, 3, 7, 1000)
    [status] = struct.unpack_from("!I", say(short)[9:])
    assert status == 5


@pytest.mark.parametrize("name", ["sftp", "agent", "streams", "terminal"])
def test_old_interpreters_read_what_runs_in_pods(name: str) -> None:
    text = SOURCE.with_name(f"{name}.py").read_text()
    ast.parse(text, feature_version=(3, 8))
