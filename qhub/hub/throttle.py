"""Guessing gets slow, on the login page and over SSH alike, and nobody is kept out by who guesses.

Wrong passwords are counted three ways: of one person from one address; of one person from anywhere,
against addresses that guess together; from one address, against one that tries many names, with
room for a class behind one address. Past the free ones each doubles the wait until the next try.

A browser in which a person logged in before shows it by a cookie, and is counted on its own: what
others guess does not make its owner wait.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

LONGEST_WAIT = 300.0
FORGOTTEN_AFTER = 900.0
"""Seconds without a wrong password after which earlier ones no longer count."""

FREE = {"browser": 5, "person here": 5, "person": 30, "address": 60}
"""Wrong passwords that cost nothing, by what they are counted for."""

_REMEMBERED = 20_000
_LONGEST_NAME = 100

Key = tuple[str, ...]


class Throttle:
    """How long who has to wait.

    Args:
        free: wrong passwords that cost nothing; what it leaves out is not counted.
        now: a clock, in seconds.
    """

    def __init__(
        self, free: Mapping[str, int] = FREE, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._free = free
        self._now = now
        self._failures: OrderedDict[Key, tuple[int, float]] = OrderedDict()

    def wait(self, user: str, address: str, browser: str | None = None) -> float:
        """Seconds until the next try is allowed; 0 when it is.

        Args:
            user: the name that is tried.
            address: where the try comes from.
            browser: what a browser that this person logged in with is known by.
        """
        return max(map(self._wait, self._keys(user, address, browser)))

    def _wait(self, key: Key) -> float:
        count, last = self._count(key)
        beyond = count - self._free[key[0]]
        if beyond < 0:
            return 0.0
        return max(0.0, last + min(2.0 ** min(beyond, 20), LONGEST_WAIT) - self._now())

    def _count(self, key: Key) -> tuple[int, float]:
        count, last = self._failures.get(key, (0, 0.0))
        return (0, 0.0) if self._now() - last > FORGOTTEN_AFTER else (count, last)

    def failed(self, user: str, address: str, browser: str | None = None) -> None:
        """Remember a wrong password; the oldest are forgotten beyond some thousands."""
        for key in self._keys(user, address, browser):
            count, _ = self._count(key)
            self._failures.pop(key, None)
            self._failures[key] = (count + 1, self._now())
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str, browser: str | None = None) -> None:
        """Forget the wrong passwords of a person who found the right one.

        Those of the address stay: else each login of one's own would pay for guesses at others.
        """
        self._failures.pop(self._keys(user, address, browser)[0], None)

    def _keys(self, user: str, address: str, browser: str | None) -> list[Key]:
        if browser:
            return [("browser", browser)]
        name, network = user[:_LONGEST_NAME], _network(address)
        keys = [("person here", name, network), ("person", name), ("address", network)]
        return [key for key in keys if key[0] in self._free]


def _network(address: str) -> str:
    """An address; of IPv6 the network, since one person has all addresses of one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:_LONGEST_NAME]
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
