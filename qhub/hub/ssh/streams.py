"""Many streams of bytes over one, the same code at both ends.

A frame is the number of a stream, what kind of frame it is, the length of the rest, and that. An
end sends of each stream what it reads from one descriptor and writes what comes to another. It
sends no more than the other end has room for, so that a stream that nobody reads holds up no other.

Runs in people's pods, too: Python 3.8, nothing but its library. There it is theirs to change, so
that nothing of what it says is to be trusted: what is not as it should be ends everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import socket
import stat
import struct
from collections.abc import Awaitable, Callable
from typing import Any

OPEN, TELL, DATA, CREDIT, END, STOP, CLOSE = range(7)
"""Kinds of frames: a request or a word, as JSON; bytes, room for more of them, the last of them, no
more of them wanted; the end."""

LINK = 0
"""The number of no stream: what is said of all of them."""

WINDOW = 256 * 1024
"""Bytes of a stream that may be under way."""

MOST = 256
"""Streams at a time."""

_HEAD = struct.Struct("!IBI")
_CHUNK, _LONGEST = 32 * 1024, 128 * 1024
_FULL = 1024 * 1024
_MOST_WORDS, _LONGEST_WORD = 1000, 1024


class Broken(Exception):
    """The other end says what it should not."""


class Stream:
    """One of them, told apart by its number."""

    def __init__(self, streams: Streams, number: int) -> None:
        self.number = number
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        """What the other end tells of it, None at the end."""

        self.written, self.done = asyncio.Event(), asyncio.Event()
        """Whether nothing waits to be written, and whether both directions have ended."""

        self._streams = streams
        self.source: int | None = None
        """What is read and sent."""

        self._sink: int | None = None
        self._credit, self._taken = WINDOW, 0
        self._waiting, self._no_more = bytearray(), False
        self._carried = self._watched = False
        self.written.set()

    def carry(self, source: int | None, sink: int | None) -> None:
        """Send what is read from one descriptor, write what comes to the other, close both."""
        self.source, self._sink, self._carried = source, sink, True
        for descriptor in (source, sink):
            if descriptor is not None:
                os.set_blocking(descriptor, False)
        self.watch()
        self._write()

    def carry_socket(self, connection: socket.socket) -> None:
        """Both directions of a socket, which is no longer the caller's."""
        source = connection.detach()
        self.carry(source, os.dup(source))

    def tell(self, **what: Any) -> None:
        """Tell the other end something of it."""
        self._streams.send(self.number, TELL, json.dumps(what).encode())

    def close(self) -> None:
        """End it, whatever is under way."""
        if self._streams.forget(self):
            self._streams.send(self.number, CLOSE)
            self.drop()

    # --- what is sent -----------------------------------------------------------------------

    def has_more(self) -> bool:
        """Whether there is something to be read that was not sent yet."""
        if self.source is None:
            return False
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def watch(self) -> None:
        """Read, unless there is no room for what would be read."""
        wanted = self.source is not None and self._credit > 0 and not self._streams.full
        if wanted != self._watched and self.source is not None:
            loop = asyncio.get_running_loop()
            if wanted:
                loop.add_reader(self.source, self._read)
            else:
                loop.remove_reader(self.source)
            self._watched = wanted

    def _read(self) -> None:
        assert self.source is not None  # noqa: S101
        try:
            data = os.read(self.source, min(self._credit, _CHUNK))
        except BlockingIOError:
            return
        except OSError:  # a terminal that no program has any more
            data = b""
        if data:
            self._credit -= len(data)
            self._streams.send(self.number, DATA, data)
            self.watch()
        else:
            self._streams.send(self.number, END)
            self._close_source()

    def _close_source(self) -> None:
        if self.source is not None:
            if self._watched:
                asyncio.get_running_loop().remove_reader(self.source)
            self._watched = False
            _close(self.source, socket.SHUT_RD)
            self.source = None
        self._look_whether_done()

    # --- what comes -------------------------------------------------------------------------

    def take(self, kind: int, data: bytes) -> None:
        """Do as a frame says."""
        if kind == DATA:
            if self._no_more or len(self._waiting) + len(data) > WINDOW:
                raise Broken("more than there is room for")
            self._waiting += data
            self._write()
        elif kind == CREDIT:
            self._credit += int.from_bytes(data, "big")
            if self._credit > WINDOW:
                raise Broken("more room than there is")
            self.watch()
        elif kind == END:
            self._no_more = True
            self._write()
        elif kind == STOP:
            self._close_source()
        elif kind == TELL and len(data) <= _LONGEST_WORD:
            if self.told.qsize() < _MOST_WORDS:
                self.told.put_nowait(words(data))
        else:
            raise Broken("frames that mean nothing")

    def _write(self) -> None:
        if not self._carried:
            return
        if self._sink is None:
            self._give_room(len(self._waiting))
            return
        try:
            self._give_room(os.write(self._sink, self._waiting) if self._waiting else 0)
        except BlockingIOError:
            pass
        except OSError:
            self._streams.send(self.number, STOP)
            self._close_sink()
            self._give_room(len(self._waiting))
            return
        if self._waiting:
            self.written.clear()
            asyncio.get_running_loop().add_writer(self._sink, self._write)
        elif self._no_more:
            self._close_sink()
        else:
            asyncio.get_running_loop().remove_writer(self._sink)
            self.written.set()

    def _give_room(self, size: int) -> None:
        del self._waiting[:size]
        self._taken += size
        if self._taken >= WINDOW // 2:
            self._streams.send(self.number, CREDIT, self._taken.to_bytes(4, "big"))
            self._taken = 0

    def _close_sink(self) -> None:
        if self._sink is not None:
            asyncio.get_running_loop().remove_writer(self._sink)
            _close(self._sink, socket.SHUT_WR)
            self._sink = None
        self.written.set()
        self._look_whether_done()

    def _look_whether_done(self) -> None:
        if self._carried and self.source is None and self._sink is None:
            self.done.set()

    def drop(self) -> None:
        """Close what it carries; it was ended here, there, or with everything."""
        self._waiting.clear()
        self._close_source()
        self._close_sink()
        self.done.set()
        self.told.put_nowait(None)


class Streams:
    """All streams between two ends.

    Args:
        first: the first number that this end gives, 1 or 2; the other end has the other.
        opened: takes a stream that the other end opens, with its request.
    """

    def __init__(self, first: int, opened: Callable[[Stream, Any], None]) -> None:
        self._next, self._opened = first, opened
        self._all: dict[int, Stream] = {}
        self._inbox, self._outbox = bytearray(), bytearray()
        self._something = asyncio.Event()
        self.met = asyncio.Event()
        """Whether the other end has said anything."""

        self._clock = asyncio.get_running_loop().time
        self._heard = self._clock()
        self.full = False
        """Whether so much is to be sent that nothing more should be read."""

    @property
    def silence(self) -> float:
        """Seconds since the other end said anything."""
        return self._clock() - self._heard

    def stream(self, number: int | None = None) -> Stream:
        """A stream of a number that both ends agreed on, or of the next one.

        Raises:
            Broken: there are too many.
        """
        # The other end may not have heard yet that some are over.
        most = MOST if number is None else 2 * MOST
        if number in self._all or len(self._all) >= most:
            raise Broken("too many streams")
        if number is None:
            number, self._next = self._next, self._next + 2
        found = self._all[number] = Stream(self, number)
        return found

    def open(self, **request: Any) -> Stream:
        """A new stream, with a request to the other end.

        Raises:
            Broken: there are too many.
        """
        stream = self.stream()
        self.send(stream.number, OPEN, json.dumps(request).encode())
        return stream

    def forget(self, stream: Stream) -> bool:
        """Take nothing for it any more; false if it was forgotten before."""
        return self._all.pop(stream.number, None) is not None

    def send(self, number: int, kind: int, data: bytes = b"") -> None:
        """Have a frame sent."""
        self._outbox += _HEAD.pack(number, kind, len(data)) + data
        self._something.set()
        if len(self._outbox) > _FULL and not self.full:
            self._set_full(True)

    def _set_full(self, full: bool) -> None:
        self.full = full
        for stream in self._all.values():
            stream.watch()

    async def send_with(self, write: Callable[[bytes], Awaitable[Any]]) -> None:
        """Send what there is to be sent, until cancelled."""
        while True:
            await self._something.wait()
            part = bytes(self._outbox[:_LONGEST])
            del self._outbox[:_LONGEST]
            if not self._outbox:
                self._something.clear()
            await write(part)
            if self.full and len(self._outbox) < _FULL // 2:
                self._set_full(False)

    def feed(self, data: bytes) -> None:
        """Take what came from the other end.

        Raises:
            Broken: it is not what an end says.
        """
        self._heard = self._clock()
        self._inbox += data
        if len(self._outbox) > 4 * _FULL:
            raise Broken("it does not listen")
        start = 0
        while len(self._inbox) - start >= _HEAD.size:
            number, kind, size = _HEAD.unpack_from(self._inbox, start)
            if size > _LONGEST:
                raise Broken("a frame too long")
            after = start + _HEAD.size + size
            if len(self._inbox) < after:
                break
            self.met.set()
            self._take(number, kind, bytes(self._inbox[after - size : after]))
            start = after
        del self._inbox[:start]

    def _take(self, number: int, kind: int, data: bytes) -> None:
        stream = self._all.get(number)
        if kind == OPEN:
            if number == LINK or number % 2 == self._next % 2:
                raise Broken("a stream of a number that is not its own")
            self._opened(self.stream(number), words(data))
        elif kind == CLOSE and number == LINK:
            raise Broken("it ended")
        elif kind == CLOSE and stream is not None:
            self.forget(stream)
            stream.drop()
        elif stream is not None:
            stream.take(kind, data)

    def end(self) -> None:
        """Drop all streams."""
        for stream in [*self._all.values()]:
            self.forget(stream)
            stream.drop()


def words(data: bytes) -> Any:
    """What JSON says.

    Raises:
        Broken: it is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Broken(str(error)) from error


def _close(descriptor: int, direction: int) -> None:
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        connection = socket.socket(fileno=descriptor)
        with connection, contextlib.suppress(OSError):
            connection.shutdown(direction)
    else:
        os.close(descriptor)
