"""A person with a browser: logs in, chooses, opens JupyterLab, runs a cell."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.local.deployment import Deployment

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
CHROMIUM = os.environ.get("QHUB_TEST_CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine")


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        yield page
        browser.close()


def _picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")


def _log_in(page: Page, password: str) -> None:
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_from_login_to_a_computed_cell(any_hub: Deployment, page: Page) -> None:
    hub = any_hub
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(hub.machine.url)
    expect(page.get_by_role("heading", name="Test hub")).to_be_visible()
    _picture(page, "login")
    _log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("Invalid username or password")
    _log_in(page, "alice's")

    expect(page.get_by_role("heading", name="Choose a size")).to_be_visible()
    expect(page.get_by_role("radio", name="Small")).to_be_checked()
    _picture(page, "profiles")
    page.get_by_role("button", name="Start").click()

    page.wait_for_url("**/user/alice/lab**", timeout=60_000)
    page.locator(".jp-LauncherCard", has_text="Python 3").first.click(timeout=60_000)
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
    cell.click()
    page.keyboard.insert_text("sum(range(10)), __import__('os').environ['GREETING']")
    expect(cell).to_contain_text("GREETING")
    page.get_by_role("button", name="Run this cell and advance").click()
    output = page.locator(".jp-OutputArea-output").first
    expect(output).to_contain_text("(45, 'hello')", timeout=60_000)
    _picture(page, "lab")
    elsewhere = {url for url in asked if not url.startswith((hub.machine.url, "data:", "blob:"))}
    assert not elsewhere, "a page asked for something from the internet"


def test_pages_are_readable_in_the_dark(any_hub: Deployment, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(any_hub.machine.url)
    shown = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert sum(map(int, shown.removeprefix("rgb(").removesuffix(")").split(", "))) > 600
    _picture(page, "login-dark")
