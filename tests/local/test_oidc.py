"""Logging in at a provider of OpenID Connect, which says who people are and in which groups."""

from __future__ import annotations

import http.cookiejar
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local import oidc
from tests.local.browser import Person
from tests.local.deployment import Deployment, free_port

CLIENT = ("hub", "what the hub and the provider share")


@dataclass
class Provider:
    """The provider; what it says of people is `claims`."""

    url: str
    file: Path

    def says(self, **claims: Any) -> None:
        self.file.write_text(json.dumps(claims))


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    port, file = free_port(), tmp_path / "claims.json"
    file.write_text("{}")
    program = [sys.executable, oidc.__file__, str(port), str(file), *CLIENT]
    found = Provider(f"http://127.0.0.1:{port}", file)
    with subprocess.Popen(program) as process:
        deadline = time.monotonic() + 20
        while not Person(found.url).request("/"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield found
        process.terminate()


@pytest.fixture
def site(changing: Deployment, provider: Provider) -> Deployment:
    """A hub whose people log in there."""
    secret = changing.folder / "client.secret"
    secret.write_text(CLIENT[1])
    changing.runner.give(changing.folder)
    changing.settings["authentication"] = {
        "type": "OIDC",
        "config": {
            "client_id": CLIENT[0],
            "client_secret": {"file": secret.name},
            "oauth_callback_url": f"{changing.machine.url}/hub/oauth_callback",
            "authorize_url": f"{provider.url}/auth",
            "token_url": f"{provider.url}/token",
            "userdata_url": f"{provider.url}/userinfo",
            "username_claim": "preferred_username",
            "groups_claim": "realm.groups",
            "scope": ["openid", "profile"],
            "login_service": "Example ID",
        },
    }
    changing.hub_up()
    return changing


def come(hub: Deployment, who: str) -> Person:
    """Somebody who is logged in at the provider, and then goes to the hub."""
    person = Person(hub.machine.url)
    person.jar.set_cookie(
        http.cookiejar.Cookie(
            *(0, "who", who, None, False, "127.0.0.1", False, False, "/", True),
            *(False, None, True, None, None, {}),
        )
    )
    person.request("/hub/oauth_login?next=/hub/home")
    person.name = who
    return person


def groups(person: Person) -> list[str]:
    return sorted(person.hub_api("GET", "/user")["groups"])


def test_the_provider_says_who_somebody_is(site: Deployment, provider: Provider) -> None:
    assert "Sign in with Example ID" in Person(site.machine.url).request("/hub/login")
    provider.says(
        ben={"preferred_username": "ben", "realm": {"groups": ["/captains", "strangers"]}},
        mallory={"preferred_username": "mallory", "realm": {"groups": ["captains"]}},
    )
    ben = come(site, "ben")
    assert ben.url.endswith("/hub/home"), ben.url
    assert groups(ben) == ["captains", "sailors"], "those of the file, and of the provider's"
    assert "Secret" in ben.request("/hub/spawn"), "a profile of captains"
    mallory = come(site, "mallory")
    assert mallory.status == 403, "only who is listed may log in"


def test_a_claim_opens_a_shared_folder_and_closes_it_again(
    site: Deployment, provider: Provider
) -> None:
    provider.says(ben={"preferred_username": "ben", "realm": {"groups": ["captains"]}})
    ben = come(site, "ben")
    ben.start()
    ben.enter()
    assert ben.run("import os; sorted(os.listdir('shared'))") == "['captains', 'sailors']"
    assert ben.run("open('shared/captains/note', 'w').write('aye')") == "3"
    site.hub_up()
    ben.enter()
    assert ben.run("open('shared/captains/note').read()") == "'aye'", "a deploy ends no server"
    ben.stop()

    provider.says(ben={"preferred_username": "ben"})
    ben = come(site, "ben")
    assert groups(ben) == ["sailors"]
    ben.start()
    ben.enter()
    assert ben.run("import os; sorted(os.listdir('shared'))") == "['sailors']"
    if site.unix:
        inside = f"open({str(site.machine.shared / 'captains' / 'note')!r})"
        assert "PermissionError" in ben.run(inside)
    ben.stop()


def test_a_group_of_administrators_makes_one(site: Deployment, provider: Provider) -> None:
    site.settings["groups"]["admin"] = {"gid": 23119}
    site.hub_up()
    provider.says(ben={"preferred_username": "ben", "realm": {"groups": ["admin"]}})
    assert come(site, "ben").hub_api("GET", "/user")["admin"]
    provider.says(ben={"preferred_username": "ben", "realm": {"groups": []}})
    assert not come(site, "ben").hub_api("GET", "/user")["admin"]
