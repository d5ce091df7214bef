"""A model and its data; headless Chromium for the tests that look at the report as a reader does."""

from __future__ import annotations

import shutil

import pytest

from tests.explain import world as worlds


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return worlds.make(str(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Debian's Chromium, driven by Selenium; no network is needed and the driver is never downloaded."""
    selenium = pytest.importorskip(
        "selenium.webdriver", reason="the browser tests need selenium: pip install -e .[test]"
    )
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("the browser tests need Chromium and its driver: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield browser
    browser.quit()
