"""A person at the hub, over HTTP and WebSocket, as a browser would be."""

from __future__ import annotations

import http.cookiejar
import itertools
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import websocket

SUBPROTOCOL = "v1.kernel.websocket.jupyter.org"


class Person:
    """One browser session; `status` and `url` are those of the last page.

    Args:
        hub: address of the hub.
        patience: seconds to wait for any one answer.
    """

    def __init__(self, hub: str, patience: float = 60) -> None:
        self.hub = hub.rstrip("/")
        self.patience = patience
        self.jar = http.cookiejar.CookieJar()
        self.context = ssl._create_unverified_context()  # noqa: S323
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=self.context),
            urllib.request.HTTPCookieProcessor(self.jar),
        )
        self.status, self.url, self.name = 0, "", ""

    def request(
        self,
        path: str,
        data: bytes | None = None,
        method: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        url = path if path.startswith("http") else self.hub + path
        request = urllib.request.Request(url, data, headers or {}, method=method)
        try:
            with self.opener.open(request, timeout=self.patience) as response:
                self.status, self.url = response.status, response.url
                return response.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            self.status, self.url = error.code, error.url or url
            return error.read().decode(errors="replace")
        except OSError:  # nobody listens
            self.status, self.url = 0, url
            return ""

    def cookie(self, name: str, path: str = "") -> str:
        found = [c for c in self.jar if c.name == name and c.path.startswith(path or "/")]
        found.sort(key=lambda c: len(c.path), reverse=True)
        return found[0].value or "" if found else ""

    def login(self, name: str, password: str) -> bool:
        """Log in on the form; says whether the hub took it."""
        self.name = name
        page = self.request("/hub/login")
        token = re.search(r'name="_xsrf"\s+value="([^"]*)"', page)
        form = {"username": name, "password": password, "_xsrf": token.group(1) if token else ""}
        # Without `next` the hub would start a server at once where there is nothing to choose.
        self.page = self.request("/hub/login?next=/hub/home", urllib.parse.urlencode(form).encode())
        return "/hub/login" not in self.url and self.status < 400

    def hub_api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {
            "X-XSRFToken": self.cookie("_xsrf", "/hub"),
            "Referer": f"{self.hub}/hub/home",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        text = self.request(f"/hub/api{path}", data, method, headers)
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise AssertionError(f"status {self.status} of {self.url}: {text[:200]}") from error

    def start(self, profile: str | None = None, seconds: float = 60, pause: float = 0.05) -> float:
        """Start the person's server, wait until it is ready; returns how long that took."""
        started = time.monotonic()
        body = {"profile": profile} if profile else {}
        answer = self.hub_api("POST", f"/users/{self.name}/server", body)
        assert self.status in (201, 202), (self.status, answer)
        while time.monotonic() - started < seconds:
            self.request(f"/user/{self.name}/api")
            user = self.hub_api("GET", f"/users/{self.name}")
            if user["servers"].get("", {}).get("ready"):
                return time.monotonic() - started
            assert user["servers"], "the server did not start"
            time.sleep(pause)
        raise AssertionError("the server is not ready")

    def start_and_watch(self) -> None:
        """Start the person's server as the hub's own page does, which asks once and is told."""
        self.hub_api("POST", f"/users/{self.name}/server", {})
        assert self.status in (201, 202), self.status
        told = self.request(f"/hub/api/users/{self.name}/server/progress")
        assert '"ready": true' in told, (self.status, told)

    def stop(self) -> None:
        self.hub_api("DELETE", f"/users/{self.name}/server")
        deadline = time.monotonic() + 30
        while self.hub_api("GET", f"/users/{self.name}").get("servers"):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def enter(self) -> None:
        """Open the server's page, so that it knows the session."""
        self.request(f"/user/{self.name}/lab")
        assert self.status == 200, (self.status, self.url)

    def server_api(self, method: str, path: str, body: Any = None, api: str = "/api") -> Any:
        headers = {"X-XSRFToken": self.cookie("_xsrf", f"/user/{self.name}")}
        data = None if body is None else json.dumps(body).encode()
        text = self.request(f"/user/{self.name}{api}{path}", data, method, headers)
        return json.loads(text) if text and text[0] in "[{" else text

    def kernel(self) -> Kernel:
        model = self.server_api("POST", "/kernels", {"name": "python3"})
        assert self.status == 201, (self.status, model)
        return Kernel(self, model["id"])

    def run(self, code: str, seconds: float = 40) -> str:
        """Run code in a new kernel; returns all that it printed or raised."""
        with self.kernel() as kernel:
            return kernel.run(code, seconds)


class Kernel:
    """A kernel over its WebSocket, through the proxy, with the binary subprotocol."""

    def __init__(self, person: Person, kernel_id: str) -> None:
        self.person, self.id = person, kernel_id
        self.session = uuid.uuid4().hex
        base = person.hub.replace("http", "ws", 1)
        path = f"/user/{person.name}/api/kernels/{kernel_id}/channels?session_id={self.session}"
        request = urllib.request.Request(person.hub + path)
        person.jar.add_cookie_header(request)
        self.socket = websocket.create_connection(
            base + path,
            cookie=request.get_header("Cookie"),
            subprotocols=[SUBPROTOCOL],
            origin=person.hub,
            timeout=self.person.patience,
            sslopt={"cert_reqs": ssl.CERT_NONE, "check_hostname": False},
        )
        assert self.socket.subprotocol == SUBPROTOCOL

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()
        self.person.server_api("DELETE", f"/kernels/{self.id}")

    def reconnected(self) -> Kernel:
        """The same kernel over a new WebSocket."""
        self.socket.close()
        return Kernel(self.person, self.id)

    def send(self, code: str) -> str:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "username": "",
            "session": self.session,
            "version": "5.4",
            "date": "",
        }
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        parts = [json.dumps(part).encode() for part in (header, {}, {}, content)]
        self.socket.send_binary(_pack([b"shell", *parts]))
        return header["msg_id"]

    def run(self, code: str, seconds: float = 40) -> str:
        asked, said = self.send(code), ""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            channel, header, parent, content = _unpack(self.socket.recv())
            if channel != "iopub" or parent.get("msg_id") != asked:
                continue
            kind = header["msg_type"]
            if kind == "stream":
                said += content["text"]
            elif kind == "execute_result":
                said += content["data"]["text/plain"]
            elif kind == "error":
                said += f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return said
        raise AssertionError(f"no answer to {code!r}; so far: {said!r}")

    def last_words(self, code: str, seconds: float = 60) -> str:
        """Run code that ends the kernel; returns what was said about it until it is restarted."""
        asked, said = self.send(code), ""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            channel, header, parent, content = _unpack(self.socket.recv())
            if channel == "iopub" and header["msg_type"] == "stream":
                assert parent.get("msg_id") == asked, "it is not shown in the cell"
                said += content["text"]
            elif content.get("execution_state") == "restarting":
                return said
        raise AssertionError("the kernel goes on")


def _pack(parts: list[bytes]) -> bytes:
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets), *offsets]
    return b"".join(n.to_bytes(8, "little") for n in numbers) + b"".join(parts)


def _unpack(data: Any) -> tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]:
    data = bytes(data)
    count = int.from_bytes(data[:8], "little")
    numbers = [int.from_bytes(data[8 * (i + 1) : 8 * (i + 2)], "little") for i in range(count)]
    parts = [data[a:b] for a, b in itertools.pairwise(numbers)]
    channel = parts[0].decode()
    header, parent, _, content = (json.loads(part) for part in parts[1:5])
    return channel, header, parent, content
