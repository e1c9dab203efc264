"""How the nfs-server chart starts NFS-Ganesha: played by a program that says what that says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from qhub.stages.base import CHARTS

SCRIPT = CHARTS / "nfs-server" / "files" / "serve.sh"
STARTED = "nfs_start :NFS STARTUP :EVENT :             NFS SERVER INITIALIZED"
NO_HANDLES = "init_export_root :EXPORT :CRIT :Lookup failed on path, ExportId=1 Path=/export"
NO_FOLDER = "vfs_create_export :FSAL :CRIT :resolve_posix_filesystem(/export) returned No such file"
NO_EXPORT = "main :NFS STARTUP :WARN :No export entries found in configuration file !!!"
HARMLESS = "gsh_dbus_pkginit :DBUS :CRIT :dbus_bus_get failed"


def serve(folder: Path, *lines: str, ends: str = "sleep 0.3 & wait") -> tuple[int, list[str], bool]:
    """Run the script, whose server says these lines and then ends as it `ends`.

    Returns:
        How the server ended, what was printed, and whether it was said to have started.
    """
    server = folder / "ganesha.nfsd"
    said = "".join(f"echo '{line}'\n" for line in lines)
    server.write_text(f"#!/bin/sh\ntrap 'echo ended; exit 3' TERM\n{said}{ends}\n")
    server.chmod(0o755)
    (folder / "export").mkdir(mode=0o700)
    script = SCRIPT.read_text("utf-8").replace("/run/ganesha", str(folder))
    (folder / "serve.sh").write_text(script.replace("/export\n", f"{folder}/export\n"))
    done = subprocess.run(
        ["/bin/sh", str(folder / "serve.sh")],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (folder / "export").stat().st_mode & 0o777 == 0o755
    return done.returncode, done.stdout.splitlines(), (folder / "ready").exists()


def test_a_server_that_lends_the_files_has_started(tmp_path: Path) -> None:
    code, told, ready = serve(tmp_path, HARMLESS, STARTED, "later")
    assert (code, ready) == (0, True)
    assert told == [HARMLESS, STARTED, "later"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([NO_HANDLES], NO_HANDLES),
        ([HARMLESS, NO_FOLDER, NO_EXPORT], NO_FOLDER),
        ([NO_EXPORT], "see further up"),
    ],
)
def test_a_server_that_lacks_the_files_is_ended_and_says_why_last(
    lines: list[str], why: str, tmp_path: Path
) -> None:
    code, told, ready = serve(tmp_path, *lines, STARTED)
    assert code
    assert not ready
    assert told[-1] == f"/export can't be lent: {why}"


def test_a_start_before_this_one_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "ready").touch()
    (tmp_path / "log").touch()
    code, _, ready = serve(tmp_path, HARMLESS)
    assert (code, ready) == (0, False)


def test_its_last_words_are_told_however_soon_it_ends(tmp_path: Path) -> None:
    code, told, ready = serve(tmp_path, "CRIT: no such setting", ends="exit 2")
    assert (code, told, ready) == (2, ["CRIT: no such setting"], False)


def test_it_ends_when_the_pod_is_to_end(tmp_path: Path) -> None:
    code, told, _ = serve(tmp_path, STARTED, ends="kill $PPID; sleep 1 & wait")
    assert code
    assert told == [STARTED, "ended"]
