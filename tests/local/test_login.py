"""The way in: guessing, what browsers are told, what the logs keep."""

from __future__ import annotations

import http.client
import socket
import statistics
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from qhub.hub.throttle import FREE
from tests.local.browser import Person
from tests.local.deployment import Deployment, wait_until

ADDRESS_HEADERS = ("X-Forwarded-For", "X-Real-Ip", "Forwarded")


def _try(hub: str, name: str, password: str = "wrong", **headers: str) -> int:  # noqa: S107
    """Status of one login by a new browser."""
    person = Person(hub)
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    person.request("/hub/login", headers=sent)
    form = {"username": name, "password": password, "_xsrf": person.cookie("_xsrf", "/hub")}
    person.request("/hub/login", urllib.parse.urlencode(form).encode(), headers=sent)
    return person.status


def test_many_guesses_at_once_are_no_way_around_the_wait(any_hub: Deployment) -> None:
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: _try(any_hub.machine.url, "oscar"), range(24)))
    assert 1 <= sum(status == 403 for status in answers) <= FREE["person here"] + 3
    assert answers.count(429) >= 24 - FREE["person here"] - 3


@pytest.mark.parametrize("header", ADDRESS_HEADERS)
def test_another_address_can_not_be_made_up(any_hub: Deployment, header: str) -> None:
    name = f"mallory{header.lower()}"
    for number in range(FREE["person here"]):
        value = f"203.0.113.{number}"
        sent = {header: f"for={value}" if header == "Forwarded" else value}
        assert _try(any_hub.machine.url, name, **sent) == 403
    assert _try(any_hub.machine.url, name, **{header: "203.0.113.99"}) == 429


def test_past_the_proxy_all_come_from_one_address_and_lock_nobody_out(any_hub: Deployment) -> None:
    """Every user of the machine can ask the hub itself, whose port only servers need."""
    direct = f"http://127.0.0.1:{any_hub.machine.ports['hub']}"
    for number in range(FREE["person here"]):
        sent = {"X_Forwarded_For": "127.0.0.1", "X_Real_Ip": "127.0.0.1"}
        sent["Authorization"] = f"qhub-proxy {number}"
        assert _try(direct, "ben", **sent) == 403
    assert _try(direct, "ben", X_Forwarded_For="203.0.113.1") == 429
    assert Person(any_hub.machine.url).login("ben", "ben's")


def test_who_logged_in_before_gets_in_while_somebody_guesses(any_hub: Deployment) -> None:
    url = any_hub.machine.url
    known = any_hub.person("ben")
    for _ in range(FREE["person here"] + 1):
        _try(url, "ben")
    assert _try(url, "ben", "ben's") == 429
    known.request("/hub/logout")
    assert known.login("ben", "ben's")
    wait_until(lambda: Person(url).login("ben", "ben's"))  # not forever: seconds


def test_the_time_taken_does_not_tell_who_is_listed(any_hub: Deployment) -> None:
    def seconds(name: str) -> float:
        started = time.perf_counter()
        _try(any_hub.machine.url, name)
        return time.perf_counter() - started

    listed = [seconds(name) for name in ("alice", "ben") for _ in range(3)]
    unlisted = [seconds(name) for name in ("peggy", "victor") for _ in range(3)]
    ratio = statistics.median(listed) / statistics.median(unlisted)
    assert 1 / 3 < ratio < 3, (listed, unlisted)
    for name in ("alice", "ben"):
        any_hub.person(name)  # the right password makes these guesses forgotten


def _response(hub: str, path: str, **headers: str) -> http.client.HTTPMessage:
    url = urllib.parse.urlsplit(hub)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    return response.headers


@pytest.mark.parametrize(
    "path", ["/hub/login", "/hub/nothing", "/hub/api/users", "/user/ben/lab", "/elsewhere"]
)
def test_every_answer_tells_browsers_what_to_keep_to(any_hub: Deployment, path: str) -> None:
    headers = _response(any_hub.machine.url, path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Server"] is None
    policy = headers["Content-Security-Policy"] or ""
    for rule in ("default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"):
        assert rule in policy, policy
    assert "unsafe-eval" not in policy


def test_pages_of_a_server_are_framed_by_nobody_and_its_files_are_sandboxed(
    any_hub: Deployment,
) -> None:
    ben = any_hub.person("ben")
    ben.start()
    ben.enter()
    ben.run("open('page.html', 'w').write('<script>alert(1)</script>')")
    cookies = "; ".join(f"{c.name}={c.value}" for c in ben.jar if c.path in ("/", "/user/ben/"))
    lab = _response(any_hub.machine.url, "/user/ben/lab", Cookie=cookies)
    assert "frame-ancestors 'none'" in lab["Content-Security-Policy"]
    file = _response(any_hub.machine.url, "/user/ben/files/page.html", Cookie=cookies)
    assert file["Content-Security-Policy"].endswith("; sandbox allow-scripts")
    assert file["X-Content-Type-Options"] == "nosniff"


def test_cookies_stay_with_the_hub(any_hub: Deployment) -> None:
    ben = any_hub.person("ben")
    cookies = {cookie.name: cookie for cookie in ben.jar}
    assert {"jupyterhub-hub-login", "qhub-browser", "_xsrf"} <= cookies.keys()
    for name, cookie in cookies.items():
        assert cookie.get_nonstandard_attr("SameSite") == "Lax", name
        assert name == "_xsrf" or cookie.has_nonstandard_attr("HttpOnly"), name
    assert cookies["jupyterhub-hub-login"].path == cookies["qhub-browser"].path == "/hub/"
    ben.start()
    ben.enter()
    of_server = [cookie for cookie in ben.jar if cookie.path == "/user/ben/"]
    assert {cookie.name for cookie in of_server} == {"jupyterhub-user-ben", "_xsrf"}
    for cookie in of_server:
        assert cookie.get_nonstandard_attr("SameSite") == "Lax", cookie.name


def test_a_page_of_somebody_else_can_not_act_for_a_person(any_hub: Deployment) -> None:
    ben = any_hub.person("ben")
    ben.request("/hub/spawn", b"profile=small")
    assert ben.status == 403
    ben.request("/hub/api/users/ben/server", b"{}", headers={"Content-Type": "application/json"})
    assert ben.status == 403
    ben.request("/hub/login", b"username=ben&password=ben%27s")
    assert ben.status == 403
    assert not any_hub.server_pid("ben")


@pytest.mark.parametrize(
    "target", ["//evil.test", "https://evil.test/", "/\\evil.test", "/%09/e.t"]
)
def test_a_login_leads_nowhere_else(any_hub: Deployment, target: str) -> None:
    ben = any_hub.person("ben")
    ben.request(f"/hub/login?next={urllib.parse.quote(target)}")
    assert ben.url.startswith(any_hub.machine.url)


def test_a_person_without_office_can_do_nothing_for_others(any_hub: Deployment) -> None:
    ben = any_hub.person("ben")
    for method, path in (
        ("GET", "/users"),
        ("GET", "/users/alice"),
        ("POST", "/users/alice/server"),
        ("POST", "/users/alice/tokens"),
        ("POST", "/users/zoe"),
        ("PATCH", "/users/ben"),
        ("POST", "/users/ben/servers/second"),
        ("POST", "/shares/alice/"),
        ("POST", "/groups/captains/users"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ):
        ben.hub_api(method, path, {"admin": True, "users": ["ben"], "user": "ben"})
        assert ben.status in (400, 403, 404, 405), (method, path, ben.status)
    for page in ("/hub/admin", "/hub/spawn/alice", "/user/alice/lab"):
        ben.request(page)
        assert ben.status in (403, 404), page
    assert not any_hub.server_pid("alice")


def test_a_large_request_is_refused_before_it_fills_the_memory(any_hub: Deployment) -> None:
    hub = "127.0.0.1", any_hub.machine.ports["hub"]
    with socket.create_connection(hub, timeout=30) as connection:
        head = "POST /hub/login HTTP/1.1\r\nHost: hub\r\nContent-Length: 3000000\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(12) in (b"HTTP/1.1 400", b"")


def test_the_logs_keep_no_secret(hub: Deployment) -> None:
    ben = hub.person("ben")
    assert not Person(hub.machine.url).login("ben", "a-wrong-password")
    ben.start()
    ben.enter()
    token = ben.hub_api("POST", "/users/ben/tokens", {"note": "for a script"})["token"]
    for path in ("/hub/api/user", "/user/ben/api/status", "/hub/login"):
        Person(hub.machine.url).request(f"{path}?token={token}")
    ben.run("1 + 1")
    secrets = [path.read_text().strip() for path in hub.machine.private.glob("token-*")]
    secrets += ["a-wrong-password", "ben's", token]
    secrets += [cookie.value for cookie in ben.jar if cookie.value and len(cookie.value) > 8]
    assert any("session-id" in cookie.name for cookie in ben.jar)
    ben.stop()
    logs = [path for path in hub.machine.logs.rglob("*") if path.is_file()]
    assert len(logs) >= 5
    for path in logs:
        text = path.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], path
