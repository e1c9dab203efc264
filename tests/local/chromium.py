"""A real browser, and pictures of what it shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
PATH = os.environ.get("QHUB_TEST_CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=60_000)


@contextmanager
def tab(*flags: str, distrustful: bool = True) -> Iterator[Page]:
    """A tab of a browser of its own, which minds what signed a site's certificate."""
    if not PATH:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=[*FLAGS, *flags])
        yield browser.new_page(
            viewport={"width": 1280, "height": 800}, ignore_https_errors=not distrustful
        )
        browser.close()


def picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")


def log_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def run_in_new_notebook(page: Page, code: str) -> None:
    """Open a notebook from JupyterLab's launcher and run one cell in it."""
    page.locator(".jp-LauncherCard", has_text="Python 3").first.click()
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    cell.click()
    page.keyboard.insert_text(code)
    expect(cell).to_contain_text(code)
    page.get_by_role("button", name="Run this cell and advance").click()
