"""Who has to wait after wrong passwords, and who must not."""

from __future__ import annotations

import pytest

from qhub.hub.throttle import FORGOTTEN_AFTER, FREE, LONGEST_WAIT, Throttle


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(now=clock)


def fail(throttle: Throttle, times: int, user: str = "ada", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        throttle.failed(user, address)


def test_each_wrong_password_past_the_free_ones_doubles_the_wait(
    throttle: Throttle, clock: Clock
) -> None:
    fail(throttle, FREE["person here"] - 1)
    assert throttle.wait("ada", "10.0.0.1") == 0
    waits = []
    for _ in range(4):
        fail(throttle, 1)
        waits.append(throttle.wait("ada", "10.0.0.1"))
    assert waits == [1, 2, 4, 8]
    clock.seconds += 8
    assert throttle.wait("ada", "10.0.0.1") == 0
    fail(throttle, 200)
    assert throttle.wait("ada", "10.0.0.1") == LONGEST_WAIT


def test_a_typo_makes_neither_others_nor_other_places_wait(throttle: Throttle) -> None:
    fail(throttle, 20)
    assert throttle.wait("ben", "10.0.0.1") == 0
    assert throttle.wait("ada", "10.0.0.2") == 0


def test_one_address_can_not_try_a_password_on_everybody(throttle: Throttle) -> None:
    for number in range(FREE["address"]):
        assert throttle.wait(f"user{number}", "10.0.0.1") == 0
        fail(throttle, 1, f"user{number}")
    assert throttle.wait("one-more", "10.0.0.1") > 0
    throttle.succeeded("mallory", "10.0.0.1")
    assert throttle.wait("one-more", "10.0.0.1") > 0, "a login of one's own pays for nothing"


@pytest.mark.parametrize("address", ["10.0.{}.1", "2001:db8:0:{}::1"])
def test_many_addresses_can_not_guess_one_password(throttle: Throttle, address: str) -> None:
    for number in range(FREE["person"]):
        fail(throttle, 1, address=address.format(number))
    assert throttle.wait("ada", address.format(200)) > 0


def test_all_addresses_of_one_network_of_ipv6_count_as_one(throttle: Throttle) -> None:
    for number in range(FREE["person here"]):
        fail(throttle, 1, address=f"2001:db8::{number}")
    assert throttle.wait("ada", "2001:db8::ffff") > 0
    assert throttle.wait("ada", "2001:db8:0:1::1") == 0


def test_a_known_browser_is_not_kept_out_by_who_guesses(throttle: Throttle) -> None:
    fail(throttle, 500)
    assert throttle.wait("ada", "10.0.0.1") == LONGEST_WAIT
    assert throttle.wait("ada", "10.0.0.1", "ada:1") == 0
    for _ in range(FREE["browser"]):
        throttle.failed("ada", "10.0.0.1", "ada:1")
    assert throttle.wait("ada", "10.0.0.1", "ada:1") > 0, "nor may it guess without end"
    assert throttle.wait("ada", "10.0.0.1", "ada:2") == 0


def test_wrong_passwords_are_forgotten(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 100)
    clock.seconds += FORGOTTEN_AFTER + 1
    fail(throttle, 1)
    assert throttle.wait("ada", "10.0.0.1") == 0


def test_the_right_password_makes_the_next_typos_free_again(throttle: Throttle) -> None:
    fail(throttle, FREE["person here"] - 1)
    throttle.succeeded("ada", "10.0.0.1")
    fail(throttle, FREE["person here"] - 1)
    assert throttle.wait("ada", "10.0.0.1") == 0


def test_where_nothing_can_be_guessed_a_person_is_not_counted() -> None:
    throttle = Throttle({"person here": 1, "address": 1})
    for number in range(100):
        fail(throttle, 1, address=f"10.0.{number}.1")
    assert throttle.wait("ada", "10.0.200.1") == 0
    assert throttle.wait("ada", "10.0.0.1") > 0


def test_memory_has_a_bound(throttle: Throttle) -> None:
    for number in range(30_000):
        throttle.failed("x" * 5_000 + str(number), f"10.{number >> 8}.{number & 255}.1")
    assert len(throttle._failures) <= 20_000
    assert max(len("".join(key)) for key in throttle._failures) < 300
