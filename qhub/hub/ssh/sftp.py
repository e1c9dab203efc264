"""Serves a person's files in their pod, as a process of theirs: SFTP, version 3, as OpenSSH has it.

Speaks over standard input and output. Python 3.8 and its library have to be enough.
"""

# Names of files are bytes, whatever they mean.
# ruff: noqa: PTH101, PTH111, PTH115, PTH116, PTH118, PTH208

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import struct
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

VERSION = 3
LONGEST_PACKET, LONGEST_DATA = 256 * 1024, 255 * 1024
MOST_HANDLES = 200
NAMES_AT_A_TIME = 100

INIT, IS_VERSION = 1, 2
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED, EXTENDED_REPLY = 101, 102, 103, 104, 105, 200, 201
OK, END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
SIZE, OWNER, MODE, TIMES = 1, 2, 4, 8
READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32

EXTENSIONS = {
    b"posix-rename@openssh.com": b"1",
    b"statvfs@openssh.com": b"2",
    b"fstatvfs@openssh.com": b"2",
    b"hardlink@openssh.com": b"1",
    b"fsync@openssh.com": b"1",
    b"lsetstat@openssh.com": b"1",
    b"limits@openssh.com": b"1",
    b"expand-path@openssh.com": b"1",
}
_STATUS = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.ENOTDIR: NO_SUCH_FILE,
    errno.ELOOP: NO_SUCH_FILE,
    errno.EACCES: PERMISSION_DENIED,
    errno.EPERM: PERMISSION_DENIED,
}
_SIX_MONTHS = 182 * 86400


if TYPE_CHECKING:
    Answer = tuple[int, bytes]


class Failed(Exception):
    """A request can't be fulfilled, with a status other than that of the system's error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Packet:
    """What comes, taken apart from its beginning."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise Failed(BAD_MESSAGE, "the packet ends too early")
        self._at += size
        return part

    def byte(self) -> int:
        return self._take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def path(self) -> bytes:
        return self.string() or b"."

    def attributes(self) -> dict[int, tuple[int, ...]]:
        flags = self.number()
        found: dict[int, tuple[int, ...]] = {}
        if flags & SIZE:
            found[SIZE] = (self.long(),)
        for flag, count in ((OWNER, 2), (MODE, 1), (TIMES, 2)):
            if flags & flag:
                found[flag] = tuple(self.number() for _ in range(count))
        return found


def string(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def attributes(status: os.stat_result) -> bytes:
    """A file's attributes, as a packet has them."""
    return struct.pack(
        "!IQIIIII",
        SIZE | OWNER | MODE | TIMES,
        status.st_size,
        status.st_uid & 0xFFFFFFFF,
        status.st_gid & 0xFFFFFFFF,
        status.st_mode,
        int(status.st_atime) & 0xFFFFFFFF,
        int(status.st_mtime) & 0xFFFFFFFF,
    )


@lru_cache(maxsize=1000)
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(maxsize=1000)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def line(name: bytes, status: os.stat_result) -> bytes:
    """A file as `ls -l` shows it."""
    recent = abs(time.time() - status.st_mtime) < _SIX_MONTHS
    when = time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", time.localtime(status.st_mtime))
    text = (
        f"{stat.filemode(status.st_mode)} {status.st_nlink:3} {_user(status.st_uid):8}"
        f" {_group(status.st_gid):8} {status.st_size:8} {when} "
    )
    return text.encode() + name


class Server:
    """Fulfils requests; each method is one kind of them and returns kind and rest of the answer."""

    def __init__(self) -> None:
        self._handles: dict[bytes, int | list[bytes]] = {}
        self._paths: dict[bytes, bytes] = {}
        self._next = 0
        self._requests: dict[int, Callable[[Packet], Answer]] = {
            3: self.open,
            4: self.close,
            5: self.read,
            6: self.write,
            7: lambda p: (ATTRS, attributes(os.lstat(p.path()))),
            8: lambda p: (ATTRS, attributes(os.fstat(self._file(p)))),
            9: lambda p: self._set(p.path(), p),
            10: lambda p: self._set(self._file(p), p),
            11: self.opendir,
            12: self.readdir,
            13: lambda p: _done(os.remove, p.path()),
            14: self.mkdir,
            15: lambda p: _done(os.rmdir, p.path()),
            16: lambda p: _name(os.path.realpath(p.path())),
            17: lambda p: (ATTRS, attributes(os.stat(p.path()))),
            18: self.rename,
            19: lambda p: _name(os.readlink(p.path())),
            # OpenSSH has the two the other way round than the draft.
            20: lambda p: _done(os.symlink, p.path(), p.path()),
            EXTENDED: self.extended,
        }

    def answer(self, kind: int, packet: Packet) -> Answer:
        """The answer to a request."""
        try:
            if kind not in self._requests:
                raise Failed(UNSUPPORTED, "this can't be done here")
            return self._requests[kind](packet)
        except Failed as failed:
            return _status(failed.status, str(failed))
        except OSError as error:
            status = _STATUS.get(error.errno or 0, FAILURE)
            return _status(status, error.strerror or str(error))
        except (ValueError, OverflowError) as error:  # a name with a zero, a number beyond all
            return _status(FAILURE, str(error))

    def _handle(self, what: int | list[bytes], path: bytes) -> Answer:
        self._next += 1
        handle = str(self._next).encode()
        self._handles[handle], self._paths[handle] = what, path
        return HANDLE, string(handle)

    def _room(self) -> None:
        if len(self._handles) >= MOST_HANDLES:
            raise Failed(FAILURE, "too many open files")

    def _file(self, packet: Packet) -> int:
        found = self._handles.get(packet.string())
        if not isinstance(found, int):
            raise Failed(FAILURE, "no such handle")
        return found

    # --- files ------------------------------------------------------------------------------

    def open(self, packet: Packet) -> Answer:
        path, wanted, given = packet.path(), packet.number(), packet.attributes()
        self._room()
        flags = {READ: os.O_RDONLY, WRITE: os.O_WRONLY}.get(wanted & (READ | WRITE), os.O_RDWR)
        for flag, meaning in (
            (APPEND, os.O_APPEND),
            (CREATE, os.O_CREAT),
            (TRUNCATE, os.O_TRUNC),
            (EXCLUSIVE, os.O_EXCL),
        ):
            flags |= meaning if wanted & flag else 0
        [mode] = given.get(MODE, (0o666,))
        return self._handle(os.open(path, flags | os.O_CLOEXEC, mode & 0o777), path)

    def close(self, packet: Packet) -> Answer:
        handle = packet.string()
        found = self._handles.pop(handle, None)
        if found is None:
            raise Failed(FAILURE, "no such handle")
        del self._paths[handle]
        return _done(os.close, found) if isinstance(found, int) else _done()

    def read(self, packet: Packet) -> Answer:
        file, offset, size = self._file(packet), packet.long(), packet.number()
        data = os.pread(file, min(size, LONGEST_DATA), offset)
        if not data and size:
            raise Failed(END, "the end of the file")
        return DATA, string(data)

    def write(self, packet: Packet) -> Answer:
        file, offset, rest = self._file(packet), packet.long(), memoryview(packet.string())
        while rest:
            written = os.pwrite(file, rest, offset)
            rest, offset = rest[written:], offset + written
        return _done()

    def _set(self, what: bytes | int, packet: Packet, *, follow: bool = True) -> Answer:
        given = packet.attributes()
        links: dict[str, Any] = {} if follow else {"follow_symlinks": False}
        if SIZE in given:
            os.truncate(what, *given[SIZE])
        if MODE in given:
            os.chmod(what, given[MODE][0] & 0o7777, **links)
        if TIMES in given:
            os.utime(what, given[TIMES], **links)  # type: ignore[arg-type]
        if OWNER in given:
            os.chown(what, *given[OWNER], **links)
        return _done()

    # --- folders ----------------------------------------------------------------------------

    def opendir(self, packet: Packet) -> Answer:
        path = packet.path()
        self._room()
        return self._handle([b".", b"..", *os.listdir(path)], path)

    def readdir(self, packet: Packet) -> Answer:
        handle = packet.string()
        names = self._handles.get(handle)
        if not isinstance(names, list):
            raise Failed(FAILURE, "no such handle")
        found: list[bytes] = []
        while names and len(found) < NAMES_AT_A_TIME:
            name = names.pop(0)
            try:
                status = os.lstat(os.path.join(self._paths[handle], name))
            except OSError:  # it has just gone
                continue
            found.append(string(name) + string(line(name, status)) + attributes(status))
        if not found:
            raise Failed(END, "the end of the folder")
        return NAME, struct.pack("!I", len(found)) + b"".join(found)

    def mkdir(self, packet: Packet) -> Answer:
        path = packet.path()
        [mode] = packet.attributes().get(MODE, (0o777,))
        return _done(os.mkdir, path, mode & 0o777)

    def rename(self, packet: Packet) -> Answer:
        old, new = packet.path(), packet.path()
        if os.path.lexists(new):
            raise Failed(FAILURE, "there is something of that name")
        return _done(os.rename, old, new)

    # --- extensions -------------------------------------------------------------------------

    def extended(self, packet: Packet) -> Answer:
        name = packet.string()
        if name == b"posix-rename@openssh.com":
            return _done(os.replace, packet.path(), packet.path())
        if name == b"hardlink@openssh.com":
            return _done(os.link, packet.path(), packet.path())
        if name == b"fsync@openssh.com":
            return _done(os.fsync, self._file(packet))
        if name == b"lsetstat@openssh.com":
            return self._set(packet.path(), packet, follow=False)
        if name == b"statvfs@openssh.com":
            return _space(os.statvfs(packet.path()))
        if name == b"fstatvfs@openssh.com":
            return _space(os.fstatvfs(self._file(packet)))
        if name == b"limits@openssh.com":
            limits = (LONGEST_PACKET, LONGEST_DATA, LONGEST_DATA, MOST_HANDLES)
            return EXTENDED_REPLY, struct.pack("!QQQQ", *limits)
        if name == b"expand-path@openssh.com":
            return _name(os.path.realpath(os.path.expanduser(packet.path())))
        raise Failed(UNSUPPORTED, "this can't be done here")


def _status(status: int, reason: str) -> Answer:
    return STATUS, struct.pack("!I", status) + string(reason.encode()) + string(b"en")


def _done(call: Callable[..., None] | None = None, *arguments: Any) -> Answer:
    if call:
        call(*arguments)
    return _status(OK, "done")


def _name(path: bytes) -> Answer:
    return NAME, struct.pack("!I", 1) + string(path) * 2 + struct.pack("!I", 0)


def _space(found: os.statvfs_result) -> Answer:
    flags = found.f_flag & (os.ST_RDONLY | os.ST_NOSUID)
    return EXTENDED_REPLY, struct.pack(
        "!11Q",
        found.f_bsize,
        found.f_frsize,
        found.f_blocks,
        found.f_bfree,
        found.f_bavail,
        found.f_files,
        found.f_ffree,
        found.f_favail,
        found.f_fsid,
        flags,
        found.f_namemax,
    )


def _send(kind: int, body: bytes) -> None:
    packet = memoryview(struct.pack("!IB", 1 + len(body), kind) + body)
    while packet:
        packet = packet[os.write(1, packet) :]


def main() -> None:
    """Serve until the client has had enough."""
    server, incoming = Server(), sys.stdin.buffer
    while True:
        head = incoming.read(4)
        size = int.from_bytes(head, "big")
        if len(head) < 4 or not 0 < size <= LONGEST_PACKET:
            return
        packet = Packet(incoming.read(size))
        try:
            kind, identity = packet.byte(), packet.number()
        except Failed:
            return
        if kind == INIT:
            pairs = b"".join(string(name) + string(value) for name, value in EXTENSIONS.items())
            _send(IS_VERSION, struct.pack("!I", VERSION) + pairs)
        else:
            answer, rest = server.answer(kind, packet)
            _send(answer, struct.pack("!I", identity) + rest)


if __name__ == "__main__":
    main()
