"""The browser in which pages are tried: Chromium, driven by Playwright. In CI it has to be there; elsewhere it may."""

from __future__ import annotations

import contextlib
import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), "")
# without a sandbox, since CI runs as root; the others keep the browser from asking its maker for updates
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


@contextlib.contextmanager
def open_browser():
    """A running browser; the test is skipped where there is none, and fails in CI."""
    missing = "" if CHROMIUM else "there is no Chromium; install it, or set CHROMIUM to its path"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "playwright is not installed"
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
