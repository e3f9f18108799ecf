"""Every page in a real browser: accessible, by keyboard, on a narrow phone, without script."""

from __future__ import annotations

import re

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


def test_back_after_filtering_shows_whole_pages(
    site: RunningSite, signed_in: BrowserContext
) -> None:
    page = signed_in.new_page()  # htmx reports that no row is left to follow
    page.goto(site.url)
    page.goto(f"{site.url}/documents")
    page.get_by_label("Find documents by name").press_sequentially("zzz")
    expect(page).to_have_url(re.compile("q=zzz"))
    page.evaluate("location.hash = 'content'")
    page.go_back()
    expect(page.locator("#documents")).to_contain_text("Nothing matches")
    expect(page.locator("#sidebar")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Your question")).to_be_visible()
    page.close()


def test_enter_in_the_search_for_chats_stays_on_the_page(
    site: RunningSite, page: Page, without_script: Page
) -> None:
    page.goto(site.url)
    page.get_by_label("Search chats").fill("zzz")
    page.get_by_label("Search chats").press("Enter")
    expect(page.locator("#chats")).to_contain_text("No chat holds “zzz”.")
    expect(page.get_by_label("Your question")).to_be_visible()
    expect(page).to_have_url(f"{site.url}/")
    without_script.goto(site.url)
    without_script.get_by_label("Search chats").fill("zzz")
    without_script.get_by_label("Search chats").press("Enter")
    expect(without_script.locator("#chats")).to_contain_text("No chat holds “zzz”.")
    expect(without_script.get_by_label("Search chats")).to_have_value("zzz")


def test_a_draft_outlives_a_reload(site: RunningSite, page: Page) -> None:
    page.goto(site.url)
    box = page.get_by_label("Your question")
    box.fill("What is the")
    box.press("Shift+Enter")
    box.press_sequentially("policy?")
    page.reload()
    expect(box).to_have_value("What is the\npolicy?")
    box.fill("")


def test_a_draft_is_its_writers_and_ends_with_the_session(
    site: RunningSite, browser: Browser, signed_in: BrowserContext
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/sign-in")
    page.evaluate("localStorage['draft:new'] = localStorage['draft:0:new'] = 'Mine'")
    sign_in(page)
    box = page.get_by_label("Your question")
    expect(box).to_have_value("")
    box.fill("What is the")
    page.locator(".sidebar-foot summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    assert page.evaluate("localStorage.length") == 0
    context.close()


def test_a_drawer_on_a_phone_opens_and_closes(site: RunningSite, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/documents")
    link = page.locator("#sidebar").get_by_role("link", name="All documents")
    expect(link).to_be_hidden()
    page.get_by_role("link", name="Open the menu").click()
    expect(link).to_be_visible()
    expect(page.locator("#sidebar :focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(page.get_by_role("link", name="Open the menu")).to_be_focused()


def test_answers_hold_tables_and_scripts_from_the_right(
    site: RunningSite, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site.url)
    row = "".join(f"<td>{number},234,567.00</td>" for number in range(1, 9))
    page.evaluate(
        """html => {
          const prose = document.createElement("div");
          prose.className = "prose";
          prose.innerHTML = html;
          document.querySelector(".conversation").prepend(prose);
        }""",
        f"<table><tbody><tr>{row}</tr></tbody></table><p>שלום</p>",
    )
    table = page.locator(".prose table")
    cell = table.locator("td").first.bounding_box()
    assert cell
    assert cell["height"] < 40
    assert table.evaluate("it => it.scrollWidth > it.clientWidth")
    room = page.locator(".prose p").evaluate(
        """it => {
          const words = document.createRange();
          words.selectNodeContents(it);
          return it.getBoundingClientRect().right - words.getBoundingClientRect().right;
        }"""
    )
    assert room < 1


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
    page.goto(f"{site.url}/")
    bar = page.locator(".composer-bar")
    assert bar.evaluate("it => it.scrollWidth - it.clientWidth") <= 0


def test_what_was_refused_is_in_view_and_has_the_focus(
    site: RunningSite, signed_in: BrowserContext
) -> None:
    page = signed_in.new_page()
    page.goto(f"{site.url}/documents")
    page.locator("#sidebar a[href*='collection=']").first.click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Type").fill("Another name")
    page.get_by_role("button", name="Delete collection").click()
    box = page.locator("#confirm-name[aria-invalid]")
    expect(box).to_be_focused()
    expect(box).to_be_in_viewport()
    page.close()


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
