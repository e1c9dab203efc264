"""What a Unix user of the machine can see and reach: work done by a child that became that user."""

from __future__ import annotations

import codecs
import http.client
import multiprocessing
import os
import socket
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Identity:
    """Who the child becomes."""

    uid: int
    gid: int
    groups: Sequence[int] = ()


NOBODY_OF_THE_HUB = Identity(36901, 36901)


def become(who: Identity, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do some work as somebody else; root only. Returns what it gives."""
    for encoding in ("idna", "ascii"):  # loaded on first use, from where the child can't read
        codecs.lookup(encoding)
    ours, theirs = multiprocessing.Pipe()

    def child() -> None:
        os.setgroups(who.groups)
        os.setgid(who.gid)
        os.setuid(who.uid)
        theirs.send(work(*arguments))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError as error:
        raise AssertionError("the child failed; see its output") from error
    finally:
        process.join()


def files_with(tops: Iterable[Path], secrets: Sequence[bytes]) -> list[str]:
    """Files that can be read and hold one of these secrets."""
    found = []
    for path in _walk(tops):
        try:
            if stat.S_ISREG(path.lstat().st_mode) and any(s in path.read_bytes() for s in secrets):
                found.append(str(path))
        except OSError:
            continue
    return found


def writable(tops: Iterable[Path]) -> list[str]:
    """Folders and files that can be written."""
    return [str(p) for p in _walk(tops) if not p.is_symlink() and os.access(p, os.W_OK)]


def _walk(tops: Iterable[Path]) -> Iterable[Path]:
    for top in tops:
        yield top
        for parent, folders, files in os.walk(top):
            yield from (Path(parent, name) for name in (*folders, *files))


def open_sockets(sockets: Sequence[Path]) -> list[str]:
    """Unix sockets that can be connected to."""
    found = []
    for path in sockets:
        with socket.socket(socket.AF_UNIX) as mine:
            try:
                mine.connect(str(path))
            except OSError:
                continue
            found.append(str(path))
    return found


def open_processes(pids: Sequence[int]) -> list[str]:
    """Processes whose environment, memory or files can be seen, or that can be signalled."""
    found = []
    for pid in pids:
        for file in ("environ", "mem", "maps"):
            try:
                with Path(f"/proc/{pid}/{file}").open("rb") as seen:
                    seen.read(1)
                found.append(f"{pid} {file}")
            except OSError:
                pass
        try:
            os.kill(pid, 0)
            found.append(f"{pid} signal")
        except OSError:
            pass
    return found


@dataclass(frozen=True)
class Answer:
    """What a port said: 0 where it speaks no HTTP or hung up."""

    port: int
    path: str
    status: int
    body: bytes


def ask(ports: Sequence[int], paths: Sequence[str], token: str = "") -> list[Answer]:
    """Ask every port for every path, without or with a token of the hub's."""
    headers = {"Authorization": f"token {token}"} if token else {}
    return [_ask(port, path, headers) for port in ports for path in paths]


def _ask(port: int, path: str, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Answer(port, path, response.status, response.read())
    except (OSError, http.client.HTTPException):
        return Answer(port, path, 0, b"")
    finally:
        connection.close()


def speaks_http(port: int) -> bool:
    """Whether a port answers HTTP at all; one that waits for something else is hung up on."""
    with socket.socket() as mine:
        mine.settimeout(3)
        try:
            mine.connect(("127.0.0.1", port))
            mine.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return mine.recv(5) == b"HTTP/"
        except OSError:
            return False
