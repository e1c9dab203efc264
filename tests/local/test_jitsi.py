"""Video chat: a room a group, in JupyterLab, at a page that stands in for the Jitsi server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from uv import find_uv_bin

from qhub.hub import video_chat
from qhub.local import jitsi
from tests.local.chromium import log_in, picture
from tests.local.deployment import PACKAGE, Deployment, free_port

STAND_IN = """\
<!doctype html><title>Meet</title>
<style>body { background: #1f2937; color: white; font: 20px sans-serif; margin: 3em }</style>
<h1>A stand-in for Jitsi Meet</h1><p id=room></p><p id=name></p><p id=devices></p>
<script>
  const settings = Object.fromEntries(location.hash.slice(1).split("&").map(
    part => [part.split("=")[0], JSON.parse(decodeURIComponent(part.split("=")[1]))]));
  const allowed = ["camera", "microphone", "display-capture"].filter(
    name => document.featurePolicy.allowsFeature(name));
  room.textContent = `room ${location.pathname.slice(1)}`;
  document.querySelector("#name").textContent = `name ${settings["userInfo.displayName"]}`;
  devices.textContent = `may use ${allowed.join(", ")}`;
</script>
"""


@dataclass
class Meet:
    """The stand-in; `entered` are the paths that were opened."""

    url: str
    entered: list[str] = field(default_factory=list)


@pytest.fixture
def meet() -> Iterator[Meet]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.entered.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(STAND_IN.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # Another site than the hub's, which is 127.0.0.1.
        found = Meet(f"http://localhost:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


@dataclass
class Chat:
    """Video chat of a deployment."""

    hub: Deployment
    server: str

    def up(self, *, door: bool = False, **groups: list[str]) -> str:
        """Open the rooms of everybody's groups, or of those that are given."""
        users = {
            name: {key: user[key] for key in ("uid", "primary_group", "groups")}
            for name, user in self.hub.settings["users"].items()
        }
        for name, own in groups.items():
            users[name]["groups"] = own
        settings = {"project_name": "qjit", "server": self.server, "door": door, "users": users}
        path = self.hub.folder / "jitsi.tfvars.json"
        path.write_text(json.dumps(settings))
        path.chmod(0o644)
        panel = self.hub.runner.package / "labextension"
        return self.hub.succeed("jitsi", "apply", "--settings", path, "--panel", panel)

    def down(self) -> None:
        self.hub.succeed("jitsi", "remove")

    def file(self, name: str) -> Path:
        folder = video_chat.rooms(self.hub.machine.directory, name)
        return folder / "labconfig" / "page_config.json"

    def rooms(self, name: str) -> dict[str, str]:
        page: dict[str, Any] = json.loads(self.file(name).read_text())
        return {room["group"]: room["name"] for room in page["videoChatRooms"]}


@pytest.fixture
def chat(hub: Deployment, meet: Meet) -> Iterator[Chat]:
    made = Chat(hub, meet.url)
    yield made
    made.down()


def enter(hub: Deployment, page: Page, name: str) -> None:
    """Open the JupyterLab of somebody whose server runs."""
    page.goto(f"{hub.machine.url}/user/{name}/lab?reset")  # whatever was open before
    log_in(page, name, f"{name}'s")
    expect(page.locator(".jp-Launcher")).to_be_visible(timeout=90_000)


def reload(page: Page) -> None:
    page.reload()
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=90_000)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=90_000)


def side_tab(page: Page) -> Locator:
    return page.locator(".jp-SideBar [data-id=qhub-video-chat]")


def groups(page: Page) -> list[str]:
    return page.locator(".qhub-VideoChat-group").all_text_contents()


def test_groups_meet_in_their_rooms(chat: Chat, meet: Meet, page: Page) -> None:
    hub = chat.hub
    hub.person("alice").start()
    enter(hub, page, "alice")
    expect(side_tab(page)).to_have_count(0)

    chat.up()
    reload(page)  # the server runs on
    side_tab(page).click()
    assert groups(page) == ["captains", "sailors"]
    room = chat.rooms("alice")["sailors"]
    page.get_by_role("button", name="Enter the room of sailors").click()
    inside = page.frame_locator("iframe[title='Video chat of sailors']")
    expect(inside.locator("#room")).to_have_text(f"room {room}", timeout=30_000)
    expect(inside.locator("#name")).to_have_text("name alice")
    expect(inside.locator("#devices")).to_have_text("may use camera, microphone, display-capture")
    assert f"/{room}" in meet.entered
    picture(page, f"video-chat-{'unix' if hub.unix else 'none'}")

    page.get_by_role("button", name="Enter the room of sailors").click()
    expect(page.locator("iframe")).to_have_count(1)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open in a browser tab", exact=True).click()
    assert opened.value.url.startswith(f"{meet.url}/{room}#")
    expect(page.locator("iframe")).to_have_count(0)

    chat.down()
    reload(page)
    expect(side_tab(page)).to_have_count(0)


def test_nobody_learns_of_other_rooms(chat: Chat, page: Page) -> None:
    hub = chat.hub
    chat.up()
    hers = chat.rooms("alice")
    ben = hub.person("ben")
    ben.start()
    enter(hub, page, "ben")
    side_tab(page).click()
    assert groups(page) == ["sailors"]
    assert chat.rooms("ben") == {"sailors": hers["sailors"]}
    shown = page.content()
    assert hers["sailors"] in shown
    assert hers["captains"] not in shown
    if hub.unix:
        ben.enter()
        assert "PermissionError" in ben.run(f"open({str(chat.file('alice'))!r})")
        assert "PermissionError" in ben.run(f"open({str(chat.file('ben'))!r}, 'w')")

    chat.up(ben=["captains"])
    reload(page)
    assert groups(page) == ["captains"]


SECRET = "what the hub and the Jitsi server share, and nobody else does"


@pytest.fixture
def door(changing: Deployment, meet: Meet) -> Iterator[Chat]:
    """A deployment whose Jitsi server takes tokens of the hub."""
    changing.environment["QHUB_TEST_JITSI"] = SECRET
    changing.settings["room_access"] = {
        "server": meet.url,
        "app_id": "demo",
        "app_secret": {"env": "QHUB_TEST_JITSI"},
        "subject": "localhost",
        "project": "qjit",
    }
    changing.hub_up()
    made = Chat(changing, meet.url)
    made.up(door=True)
    yield made
    made.down()


def claims(hub: Deployment, token: str) -> dict[str, Any]:
    """What a token says, read by the library that the hub's own authenticators use."""
    code = "import jwt, json, sys; print(json.dumps(jwt.decode(*sys.argv[1:3], ['HS256'], "
    code += "audience='demo', issuer='demo')))"
    python = hub.machine.interpreter("hub")
    said = subprocess.check_output([python, "-c", code, token, SECRET], text=True)
    return json.loads(said)  # type: ignore[no-any-return]


def test_the_hub_leads_members_on_with_a_token(door: Chat, meet: Meet, page: Page) -> None:
    hub = door.hub
    hub.person("ben").start()
    enter(hub, page, "ben")
    side_tab(page).click()
    assert groups(page) == ["sailors"]
    page.get_by_role("button", name="Enter the room of sailors").click()
    inside = page.frame_locator("iframe[title='Video chat of sailors']")
    expect(inside.locator("#room")).to_have_text("room qjit-sailors", timeout=30_000)
    expect(inside.locator("#name")).to_have_text("name ben")
    [entered] = [path for path in meet.entered if path.startswith("/qjit-sailors?jwt=")]
    token = entered.partition("=")[2]
    written = (hub.machine.logs / "hub.log").read_text()
    assert "jwt=[secret]" in written
    assert token not in written
    said = claims(hub, token)
    assert (said["room"], said["sub"]) == ("qjit-sailors", "localhost")
    assert said["context"]["user"] == {"id": "ben", "name": "ben", "moderator": False}


def test_nobody_else_gets_a_token(door: Chat, meet: Meet) -> None:
    hub = door.hub
    ben = hub.person("ben")
    ben.request("/hub/video-chat/captains")
    assert ben.status == 403
    # As a page of another user's server, which is at the same address, would ask.
    ben.request("/hub/video-chat/sailors", headers={"Sec-Fetch-Mode": "cors"})
    assert ben.status == 403
    stranger = hub.visitor()
    stranger.request("/hub/video-chat/sailors")
    assert "/hub/login" in stranger.url
    assert not [path for path in meet.entered if "jwt" in path]
    ben.start()
    ben.enter()
    shown = ben.run("import os; print('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))")
    assert SECRET not in shown


def test_panels_are_readable_in_the_dark(any_hub: Deployment, meet: Meet, page: Page) -> None:
    chat, alice = Chat(any_hub, meet.url), any_hub.person("alice")
    chat.up()
    alice.start()
    alice.enter()
    theme = {"raw": json.dumps({"theme": "JupyterLab Dark"})}
    themes = "/settings/@jupyterlab/apputils-extension:themes"
    alice.server_api("PUT", themes, theme, api="/lab/api")
    assert alice.status == 204
    enter(any_hub, page, "alice")
    expect(page.locator("body[data-jp-theme-light=false]")).to_have_count(1, timeout=30_000)
    page.locator(".jp-LauncherCard", has_text="Video Chat").click()
    name = page.locator(".qhub-VideoChat-group").first
    shown = name.evaluate("element => getComputedStyle(element).color")
    assert min(map(int, re.findall(r"\d+", shown)[:3])) > 180
    picture(page, "video-chat-dark")
    chat.down()


def test_rooms_keep_their_names(chat: Chat) -> None:
    hub = chat.hub
    chat.up()
    before = chat.rooms("alice")
    assert before["sailors"].startswith("qjit-sailors-")
    assert jitsi.drift(hub.machine) is None
    chat.up()
    assert chat.rooms("alice") == before
    chat.down()
    assert jitsi.drift(hub.machine) == "video chat is gone"
    assert not video_chat.folder(hub.machine.directory).exists()
    chat.up()
    assert chat.rooms("alice") == before

    (hub.machine.private / "jitsi-secret").unlink()
    assert jitsi.drift(hub.machine) == "the files of video chat were changed"
    chat.up()
    assert not set(chat.rooms("alice").values()) & set(before.values())
    chat.file("ben").unlink()
    assert jitsi.drift(hub.machine) == "the files of video chat were changed"


def test_what_others_may_see(chat: Chat) -> None:
    hub = chat.hub
    chat.up()
    folder = video_chat.folder(hub.machine.directory)
    for path in folder.rglob("*"):
        mode, mine = path.stat().st_mode & 0o777, path.name == "page_config.json"
        if not hub.unix:
            assert mode == (0o700 if path.is_dir() else 0o600), path
        elif mine:
            user = hub.settings["users"][path.parent.parent.name]
            assert (mode, path.stat().st_uid) == (0o400, user["uid"])
        else:
            assert path.stat().st_uid == os.geteuid()
            assert not mode & 0o022, path
    assert (hub.machine.private / "jitsi-secret").stat().st_mode & 0o777 == 0o600


def test_a_silent_server_is_told_of(meet: Meet) -> None:
    assert jitsi.silence(meet.url) is None
    assert "refused" in (jitsi.silence(f"http://127.0.0.1:{free_port()}") or "")


def test_the_wheel_carries_the_panel(tmp_path: Path) -> None:
    subprocess.run(
        [find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, PACKAGE.parent],
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    built = [path for path in (PACKAGE / "labextension").rglob("*") if path.is_file()]
    assert built
    for path in built:
        assert path.relative_to(PACKAGE.parent).as_posix() in carried
