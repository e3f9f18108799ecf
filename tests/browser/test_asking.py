"""Asking in the page when all is not well: signed out, gone, refused, no clipboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests import samples
from tests.browser.steps import ask, sign_in
from tests.running_site import RunningSite

pytestmark = [pytest.mark.browser, pytest.mark.models]

ANSWER_MS = 240_000
RULES = "The harbour of Oddevik opens at six. A mooring costs 12 euros a night. "
UNKNOWN = "Which volcano erupted in Iceland in 2010?"


@pytest.fixture(scope="module")
def library(
    site: RunningSite,
    signed_in: BrowserContext,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Two collections; the second has a document of its own."""
    file: Path = tmp_path_factory.mktemp("files") / "Oddevik.txt"
    file.write_bytes(samples.txt_bytes(RULES))
    page = signed_in.new_page()
    page.goto(f"{site.url}/collections/new")
    page.locator("main [name=name]").fill("Oddevik")
    page.locator("main").get_by_role("button", name="Create").click()
    page.locator("input[type=file]").first.set_input_files(file)
    row = page.locator("#documents tr", has_text="Oddevik.txt")
    expect(row).to_contain_text("Ready", timeout=ANSWER_MS)
    page.close()


@pytest.fixture
def guest(site: RunningSite, signed_in: BrowserContext) -> Iterator[Page]:
    """A second browser of Ada's, whose sessions and failures touch no other test."""
    assert signed_in.browser
    context = signed_in.browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.url}/sign-in")
    sign_in(page)
    page.wait_for_url(f"{site.url}/")
    yield page
    context.close()


def _finished(page: Page) -> Locator:
    turn = page.locator(".turn").last
    expect(turn.locator("[data-copy]")).to_be_attached(timeout=ANSWER_MS)
    return turn


def _held(page: Page, address: str) -> list[Route]:
    """Leave requests to the address unanswered; return them as they come."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(address, hold)
    return held


@pytest.mark.usefixtures("library")
def test_a_starter_and_an_edit_search_where_the_picker_says(
    site: RunningSite, page: Page
) -> None:
    page.goto(site.url)
    page.locator("#composer .picker summary").click()
    page.locator("#composer").get_by_label("Oddevik").check()
    with page.expect_request("**/ask") as sent:
        page.locator(".starter").first.click()
    assert 'name="picker"' in (sent.value.post_data or "")
    turn = _finished(page)
    edit = turn.locator(".edit")
    turn.hover()
    turn.get_by_label("Edit the question").click()
    expect(edit.get_by_label("Edit the question")).to_be_focused()
    expect(edit.locator("[data-picked]")).to_have_text(re.compile("1 of"))
    edit.locator(".picker summary").click()
    expect(edit.get_by_label("Oddevik")).to_be_checked()
    edit.get_by_label("Oddevik").uncheck()
    expect(edit.locator("[data-picked]")).to_have_text("All collections")
    expect(page.locator("#composer [data-picked]")).to_have_text("Oddevik")


@pytest.mark.usefixtures("library")
def test_an_edit_is_opened_left_and_asked_by_keyboard(
    site: RunningSite, guest: Page
) -> None:
    ask(guest, UNKNOWN)
    _finished(guest)
    turn = guest.locator(".turn").first
    opener = turn.get_by_role("link", name="Edit the question")
    box = turn.get_by_role("textbox", name="Edit the question")
    opener.press("Enter")
    expect(box).to_be_focused()
    expect(opener).to_be_hidden()
    turn.get_by_role("link", name="Cancel").press("Enter")
    expect(box).to_have_count(0)
    expect(opener).to_be_focused()
    opener.press("Enter")
    box.fill("What does a mooring cost?")
    # Not taken, with the box below in use: the edited words stay where they are.
    guest.get_by_label("Your question").fill("Half a thou")
    guest.route("**/ask", lambda route: route.abort())
    turn.get_by_role("button", name="Ask again").click()
    expect(guest.locator("#composer-error")).to_contain_text("cannot be reached")
    expect(box).to_have_value("What does a mooring cost?")
    guest.unroute("**/ask")
    turn.get_by_role("button", name="Ask again").click()
    expect(guest.locator(".question-text").last).to_have_text(
        "What does a mooring cost?"
    )
    expect(box).to_have_count(0)
    expect(opener).to_be_focused()


@pytest.mark.usefixtures("library")
def test_one_question_is_sent_at_a_time(guest: Page) -> None:
    """A second one of a new chat would begin another; refused, the first comes back."""
    held = _held(guest, "**/ask")
    ask(guest, "What does a mooring cost?")
    ask(guest, "And for a week?")
    expect(guest.locator("[data-pending]")).to_have_count(1)
    assert len(held) == 1
    held[0].abort()
    expect(guest.get_by_label("Your question")).to_have_value(
        "What does a mooring cost?\nAnd for a week?"
    )


@pytest.mark.usefixtures("library")
def test_escape_stops_the_answer_only_where_it_is_meant(guest: Page) -> None:
    guest.set_viewport_size({"width": 1440, "height": 900})
    guest.route("**/api/v1/answers/*/events", lambda route: None)
    stops = _held(guest, "**/stop")
    ask(guest, "What does a mooring cost?")
    expect(guest.get_by_role("button", name="Stop")).to_be_visible()
    search = guest.get_by_label("Search chats")
    search.fill("zzz")
    search.press("Escape")
    expect(search).to_have_value("")
    search.press("Escape")
    guest.get_by_role("link", name="Edit the question").press("Enter")
    box = guest.get_by_role("textbox", name="Edit the question")
    box.press("Escape")
    expect(box).to_have_count(0)
    assert not stops
    with guest.expect_request("**/stop"):
        guest.get_by_label("Your question").press("Escape")


@pytest.mark.usefixtures("library")
def test_the_focus_stays_where_the_reader_is(guest: Page) -> None:
    guest.emulate_media(reduced_motion="reduce")
    ask(guest, UNKNOWN)
    turn = _finished(guest)
    with guest.expect_response("**/sources"):
        turn.locator("[data-open=sources]").press("Enter")
    expect(guest.get_by_role("link", name="Close the sources")).to_be_focused()
    guest.keyboard.press("Escape")
    helpful = turn.get_by_role("button", name="Helpful", exact=True)
    helpful.press("Enter")
    expect(turn).to_contain_text("Thank you, noted.")
    expect(helpful).to_be_focused()


@pytest.mark.usefixtures("library")
def test_a_chat_is_renamed_and_deleted_by_keyboard(guest: Page) -> None:
    guest.set_viewport_size({"width": 1440, "height": 900})
    ask(guest, UNKNOWN)
    _finished(guest)
    row = guest.locator(".side-item:has([aria-current])")
    row.locator("summary").press("Enter")
    left = row.locator(".menu-form").evaluate("it => it.getBoundingClientRect().x")
    assert left >= 0
    row.get_by_label("Name of the chat").fill("Volcanoes")
    row.get_by_label("Name of the chat").press("Enter")
    expect(guest.locator("#chat > h1")).to_have_text("Volcanoes")
    expect(guest).to_have_title(re.compile("^Volcanoes · "))
    expect(row.locator("summary")).to_be_focused()
    guest.goto(guest.url.split("/c/")[0])
    guest.get_by_label("Options for Volcanoes").press("Enter")
    guest.locator("#chats").get_by_role("button", name="Delete").press("Enter")
    expect(guest.get_by_role("button", name="Undo deleting the chat")).to_be_focused()


@pytest.mark.usefixtures("library")
def test_at_200_percent_and_on_paper_nothing_lies_over_the_answer(guest: Page) -> None:
    guest.set_viewport_size({"width": 720, "height": 450})
    ask(guest, UNKNOWN)
    turn = _finished(guest)
    turn.get_by_role("button", name="Helpful", exact=True).press("Enter")
    expect(turn).to_contain_text("Thank you, noted.")
    assert turn.locator(".turn-foot").evaluate("""it => {
      const [time, how] = [".meta:last-child", "summary.muted"].map((one) => it.querySelector(one));
      return time.getBoundingClientRect().right <= how.getBoundingClientRect().left;
    }""")
    guest.emulate_media(media="print")
    expect(turn.locator(".question-text")).to_be_visible()
    expect(guest.locator(":is(.skip, .dock, #chats):visible")).to_have_count(0)


@pytest.mark.usefixtures("library")
def test_an_edit_that_cannot_be_opened_says_why(guest: Page) -> None:
    ask(guest, UNKNOWN)
    turn = _finished(guest)
    guest.route("**/edit", lambda route: route.abort())
    turn.get_by_role("link", name="Edit the question").click()
    expect(guest.locator("#toasts")).to_contain_text("The site cannot be reached.")


@pytest.mark.usefixtures("library")
def test_an_edit_without_script_is_asked_where_the_picker_says(
    site: RunningSite, without_script: Page
) -> None:
    page = without_script
    page.goto(site.url)
    page.get_by_label("Your question").fill(UNKNOWN)
    page.get_by_role("button", name="Ask").last.click()
    turn = page.locator(".turn")
    turn.get_by_role("link", name="Edit the question").click()
    turn.get_by_role("textbox", name="Edit the question").fill("What is a mooring?")
    turn.locator(".picker summary").click()
    turn.get_by_label("Oddevik").check()
    turn.get_by_role("button", name="Ask again").click()
    page.wait_for_url(re.compile(r"/c/[0-9a-f-]+\?from=[0-9a-f-]+#a-"))
    expect(page.locator(".question-text").last).to_have_text("What is a mooring?")
    expect(page.locator(".edit form")).to_have_count(0)
    expect(page.locator("#composer").get_by_label("Oddevik")).to_be_checked()


@pytest.mark.usefixtures("library")
def test_a_starter_searches_where_the_picker_says_without_script(
    site: RunningSite, without_script: Page
) -> None:
    page = without_script
    page.goto(site.url)
    page.locator("#composer .picker summary").click()
    page.locator("#composer").get_by_label("Oddevik").check()
    page.get_by_label("Your question").fill("Half a thou")
    page.locator(".starter").first.click()
    page.wait_for_url(re.compile(r"/c/[0-9a-f-]+\?from=[0-9a-f-]+#a-"))
    expect(page.locator(".question-text")).to_contain_text("about")
    expect(page.locator("#composer [data-picked]")).to_have_text(re.compile("^1 of"))
    expect(page.locator("#composer").get_by_label("Oddevik")).to_be_checked()


@pytest.mark.usefixtures("library")
def test_enter_in_a_filter_presses_no_starter(
    site: RunningSite, page: Page, without_script: Page
) -> None:
    for either in (page, without_script):
        either.goto(site.url)
        expect(either.locator(".starter").first).to_be_visible()
        either.locator(".narrow summary").click()
        either.locator("[name=only-file]").press("Enter")
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.locator(".turn")).to_have_count(0)
    told = without_script.get_by_role("alert")
    expect(told).to_contain_text("Type a question first")
    expect(without_script.locator(".starter").first).to_be_visible()


@pytest.mark.usefixtures("library")
def test_who_is_signed_out_keeps_the_question_and_comes_back_to_the_chat(
    site: RunningSite, guest: Page
) -> None:
    ask(guest, UNKNOWN)
    _finished(guest)
    chat = guest.url
    guest.context.clear_cookies(name="plumbline_session")
    ask(guest, "What does a mooring cost?")
    told = guest.locator("#composer-error")
    expect(told).to_contain_text("You are signed out.")
    box = guest.get_by_label("Your question")
    expect(box).to_have_value("What does a mooring cost?")
    expect(guest.locator(".turn")).to_have_count(1)
    told.get_by_role("link", name="Sign in to go on").click()
    sign_in(guest)
    expect(guest).to_have_url(chat)
    expect(box).to_have_value("What does a mooring cost?")


@pytest.mark.usefixtures("library")
def test_stop_tells_who_is_signed_out(site: RunningSite, guest: Page) -> None:
    """Also to somebody who typed the next question meanwhile, which is kept."""
    guest.route("**/api/v1/answers/*/events", lambda route: None)
    ask(guest, "What does a mooring cost?")
    stop = guest.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    chat = guest.url
    box = guest.get_by_label("Your question")
    box.fill("And for a week?")
    guest.context.clear_cookies(name="plumbline_session")
    with guest.expect_request("**/stop") as sent:
        stop.click()
    assert not sent.value.post_data
    told = guest.locator("#toasts")
    expect(told).to_contain_text("You are signed out.")
    expect(stop).to_be_enabled()
    told.get_by_role("link", name="Sign in to go on").click()
    sign_in(guest)
    expect(guest).to_have_url(chat)
    expect(box).to_have_value("And for a week?")


@pytest.mark.usefixtures("library")
def test_stop_tells_that_the_site_is_out_of_reach(guest: Page) -> None:
    guest.route("**/api/v1/answers/*/events", lambda route: None)
    guest.route("**/stop", lambda route: route.abort())
    ask(guest, "What does a mooring cost?")
    stop = guest.get_by_role("button", name="Stop")
    stop.click()
    expect(guest.locator("#toasts")).to_contain_text("The site cannot be reached.")
    expect(stop).to_be_enabled()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("status", "words"), [(404, "Nothing here that you may see"), (401, "signed out")]
)
def test_an_answer_that_cannot_be_followed_ends_with_the_reason(
    guest: Page, status: int, words: str
) -> None:
    """The stream breaks off, and the answer is deleted or its reader signed out."""
    asked: list[str] = []
    guest.route("**/api/v1/answers/*/events", lambda route: route.fulfill(status=500))

    def gone(route):  # type: ignore[no-untyped-def]
        asked.append(route.request.url)
        body = f'<div class="note note-bad" role="alert"><span>{words}</span></div>'
        route.fulfill(status=status, content_type="text/html", body=body)

    guest.route(re.compile(r"/answers/[0-9a-f-]+/$"), gone)
    ask(guest, UNKNOWN)
    turn = guest.locator(".turn").last
    expect(turn.get_by_role("alert")).to_have_text(words)
    expect(turn.locator("[data-phase]")).to_have_count(0)
    expect(guest.get_by_role("button", name="Stop")).to_be_hidden()
    guest.wait_for_timeout(2500)
    assert len(asked) == 1


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_what_is_wrong_can_be_said_of_the_first_answer(
    site: RunningSite, page: Page, size: tuple[int, int]
) -> None:
    """Its menu opened above the page and beside it, where nobody can scroll to."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(site.url)
    ask(page, "What does a mooring cost?")
    turn = _finished(page)
    page.evaluate("scrollTo(0, 0)")
    turn.get_by_label("Not helpful").click()
    box = turn.locator(".feedback-form").bounding_box()
    assert box
    assert box["y"] >= 0
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
    turn.get_by_label("Something is missing").check()
    turn.get_by_role("button", name="Send").click()
    expect(turn).to_contain_text("Thank you, noted.")


@pytest.mark.usefixtures("library")
def test_a_refusal_is_spoken_and_copied_without_a_clipboard(
    site: RunningSite, page: Page
) -> None:
    """Over plain HTTP a browser gives scripts no clipboard."""
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
    )
    page.goto(site.url)
    ask(page, UNKNOWN)
    turn = _finished(page)
    expect(page.locator("#spoken")).to_contain_text(
        re.compile(
            r"finished\. Not in your documents\.\s+The closest passages are:\s*\[1\] \w+"
        )
    )
    turn.locator("[data-copy]").click()
    expect(page.locator("#toasts")).to_contain_text("Copied.")
    box = page.get_by_label("Your question")
    box.click()
    page.keyboard.press("Control+v")
    expect(box).to_have_value(
        re.compile(r"^Not in your documents\.\s+The closest passages are:\n\[1\] \w+")
    )
    box.fill("")
