"""A real browser before the real site, started once for all browser tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.running_site import PASSWORD, RunningSite, running_site

_HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# No background traffic, and no sandbox because the tests may run as root.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser last: while it is open, its event loop runs in this thread.

    No coroutine of another test could run then, and Django would refuse every query.
    """
    items.sort(key=lambda item: item.path.is_relative_to(_HERE))


@pytest.fixture(scope="session")
def site() -> Iterator[RunningSite]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: `apt-get install chromium`, then run again")
    with running_site() as running:
        yield running


@pytest.fixture(scope="session")
def browser(site: RunningSite) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def signed_in(site: RunningSite, browser: Browser) -> Iterator[BrowserContext]:
    """Ada, who followed the one-time link and made herself the administrator."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(site.setup_link)
    page.locator("[name=username]").fill("ada")
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.locator("[name=collection]").fill("Handbook")
    page.get_by_role("button", name="Create and sign in").click()
    page.wait_for_url(f"{site.url}/**")
    page.close()
    yield context
    context.close()


@pytest.fixture(scope="module")
def without_script(
    site: RunningSite, browser: Browser, signed_in: BrowserContext
) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(signed_in.cookies())  # type: ignore[arg-type]  # same shape
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A page that fails its test on any script error or refused resource."""
    opened = signed_in.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console",
        lambda m: problems.append(m.text) if m.type == "error" else None,
    )
    yield opened
    opened.close()
    assert problems == []
