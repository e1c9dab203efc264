"""Terminals for programs. Runs in people's pods, too: Python 3.8, nothing but its library."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Sequence

_UTF8_INPUT = 0o40000  # IUTF8, which older releases have no name for


def opened(size: Sequence[int]) -> tuple[int, int]:
    """A terminal: our end and the program's."""
    ours, theirs = os.openpty()
    attributes = termios.tcgetattr(theirs)
    attributes[0] |= _UTF8_INPUT
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    resize(theirs, size)
    return ours, theirs


def resize(terminal: int, size: Sequence[int]) -> None:
    """Give it columns, rows and the same in pixels; the kernel tells the programs on it."""
    columns, rows, width, height = (min(value, 0xFFFF) for value in size)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


def take() -> None:
    """Make the terminal on standard input that of this session; for a new process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
