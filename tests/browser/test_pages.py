"""Every page in a real browser: accessible, by keyboard, on a narrow phone, without script."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.steps import sign_in
from tests.running_site import PASSWORD, RunningSite

pytestmark = [pytest.mark.browser, pytest.mark.models]

PAGES = ("/", "/documents", "/collections/new", "/account", "/account/keys", "/health")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_to_say(site: RunningSite, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
    for path in PAGES:
        page.goto(f"{site.url}{path}")
        assert _serious(page) == [], path


def test_axe_has_nothing_to_say_about_an_error(
    site: RunningSite, signed_in: BrowserContext
) -> None:
    page = signed_in.new_page()
    page.goto(f"{site.url}/nothing-here")
    assert _serious(page) == []
    page.close()


def _serious(page: Page) -> list[tuple[str, list[str]]]:
    return [
        (found["id"], [str(node["target"]) for node in found["nodes"]])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


def test_the_keyboard_reaches_everything(site: RunningSite, page: Page) -> None:
    page.goto(f"{site.url}/documents")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.get_by_label("Find documents by name")).to_be_focused()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.press("n")
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search chats")).to_be_focused()


def test_a_draft_outlives_a_reload(site: RunningSite, page: Page) -> None:
    page.goto(site.url)
    box = page.get_by_label("Your question")
    box.fill("What is the")
    box.press("Shift+Enter")
    box.press_sequentially("policy?")
    page.reload()
    expect(box).to_have_value("What is the\npolicy?")
    box.fill("")


def test_a_drawer_on_a_phone_opens_and_closes(site: RunningSite, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/documents")
    link = page.locator("#sidebar").get_by_role("link", name="All documents")
    expect(link).to_be_hidden()
    page.get_by_role("link", name="Open the menu").click()
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(page.get_by_role("link", name="Open the menu")).to_be_focused()


def test_nothing_is_wider_than_the_narrowest_phone(
    site: RunningSite, page: Page
) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    for path in PAGES:
        page.goto(f"{site.url}{path}")
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, path


def test_collections_are_made_without_script(
    site: RunningSite, without_script: Page
) -> None:
    page = without_script
    page.goto(f"{site.url}/documents")
    page.get_by_role("link", name="New collection").first.click()
    page.locator("main [name=name]").fill("No script here")
    page.locator("main").get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text("No script here")
    expect(page.get_by_role("button", name="Add documents")).to_be_visible()


def test_a_wrong_password_is_said_without_script(
    site: RunningSite, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/sign-in")
    sign_in(page, f"{PASSWORD}-not")
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    context.close()
