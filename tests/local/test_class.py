"""A class that comes at once, in small; `python -m benchmarks load` is the large one."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import argon2

from tests.local.browser import Person
from tests.local.deployment import Deployment

PUPILS = [f"pupil{number}" for number in range(5)]
PATIENCE = 300.0


def _computes(hub: str, name: str) -> str:
    person = Person(hub, PATIENCE)
    assert person.login(name, "at once"), (name, person.status)
    person.start(seconds=PATIENCE)
    person.enter()
    with person.kernel() as kernel:
        return kernel.run("1 + 1", PATIENCE)


def test_everybody_of_a_class_gets_a_result(changing: Deployment) -> None:
    hub = changing
    common = {"admin": False, "primary_group": "sailors", "groups": ["sailors"]}
    dear = {"hash": argon2.PasswordHasher().hash("at once")}  # four lanes, as `qhub init` makes it
    for number, name in enumerate(PUPILS):
        person = common | {"uid": 36401 + number, "password": dear}
        hub.settings["users"][name] = person
    hub.hub_up()
    try:
        with ThreadPoolExecutor(len(PUPILS)) as pool:
            results = list(pool.map(lambda name: _computes(hub.machine.url, name), PUPILS))
        assert results == ["2"] * len(PUPILS)
    finally:
        hub.stop_servers()
        for (
            name
        ) in PUPILS:  # the homes of who is removed stay, and other tests look at all there is
            shutil.rmtree(hub.machine.homes / name)
