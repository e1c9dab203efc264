"""A person with a browser: logs in, chooses, opens JupyterLab, runs a cell."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.local.chromium import log_in, picture, run_in_new_notebook
from tests.local.deployment import GIGABYTE, Deployment


def test_from_login_to_a_computed_cell(any_hub: Deployment, page: Page) -> None:
    hub = any_hub
    asked: list[str] = []
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(f"{page.url}: {error}"))
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console",
        lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None,
    )
    page.goto(hub.machine.url)
    expect(page.get_by_role("heading", name="Test hub")).to_be_visible()
    picture(page, "login")
    log_in(page, "alice", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("Invalid username or password")
    log_in(page, "alice", "alice's")

    expect(page.get_by_role("heading", name="Choose a size")).to_be_visible()
    expect(page.get_by_role("radio", name="Small")).to_be_checked()
    picture(page, "profiles")
    page.get_by_role("button", name="Start").click()

    page.wait_for_url("**/user/alice/lab**", timeout=60_000)
    run_in_new_notebook(page, "sum(range(10)), __import__('os').environ['GREETING']")
    output = page.locator(".jp-OutputArea-output").first
    expect(output).to_contain_text("(45, 'hello')", timeout=60_000)
    picture(page, "lab")
    elsewhere = {url for url in asked if not url.startswith((hub.machine.url, "data:", "blob:"))}
    assert not elsewhere, "a page asked for something from the internet"
    for path in ("home", "token", "admin"):
        page.goto(f"{hub.machine.url}/hub/{path}", wait_until="networkidle")
        expect(page.get_by_role("link", name="Home")).to_be_visible()
    assert not failed, "a script of a page failed"
    assert not refused, "a page does what its policy forbids"


def test_a_cell_tells_that_its_kernel_went_over_the_memory_limit(
    any_hub: Deployment, page: Page
) -> None:
    any_hub.person("alice").start("small")
    page.goto(any_hub.machine.url)
    log_in(page, "alice", "alice's")
    page.wait_for_url("**/user/alice/lab**", timeout=60_000)
    page.goto(f"{any_hub.machine.url}/user/alice/lab?reset")  # not the notebook of another test
    run_in_new_notebook(page, f"x = b'x' * {2 * GIGABYTE}")
    output = page.locator(".jp-OutputArea-output", has_text="1 GB of memory (profile Small)")
    expect(output).to_be_visible(timeout=60_000)
    expect(output).to_contain_text("choose a larger profile")
    picture(page, "memory")


def test_pages_are_readable_in_the_dark(any_hub: Deployment, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(any_hub.machine.url)
    shown = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert sum(map(int, shown.removeprefix("rgb(").removesuffix(")").split(", "))) > 600
    picture(page, "login-dark")
