"""The main job as a person does it: sign in, add, ask, check, stop, come back."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import samples
from tests.browser.steps import ask, sign_in
from tests.running_site import RunningSite

pytestmark = [pytest.mark.browser, pytest.mark.models]

# Weights on two busy cores: generous, because a slow machine is not a failure.
ANSWER_MS = 240_000
_LIVE_LENGTH = (
    "document.querySelector('[data-live] [data-text]')?.textContent.length ?? 0"
)
LEAVE = [
    (
        "Leave policy of Northwind. Every employee has 27 days of paid leave a year. "
        "Leave is requested two weeks ahead."
    ),
    (
        "Parental leave at Northwind lasts 16 weeks and is paid in full. "
        "Parental leave is taken within the first year."
    ),
]
TRAVEL = [
    "Travel rules of Northwind",
    "A hotel may cost at most 140 euros a night. Trains are booked in second class.",
]


@pytest.fixture(scope="module")
def library(
    site: RunningSite,
    signed_in: BrowserContext,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A PDF and a DOCX, added by the browser and read by the worker."""
    folder: Path = tmp_path_factory.mktemp("files")
    (folder / "Leave policy.pdf").write_bytes(samples.pdf_bytes(LEAVE))
    (folder / "Travel rules.docx").write_bytes(samples.docx_bytes(TRAVEL))
    page = signed_in.new_page()
    page.goto(f"{site.url}/documents")
    page.locator("input[type=file]").first.set_input_files(
        [folder / "Leave policy.pdf", folder / "Travel rules.docx"]
    )
    for name in ("Leave policy.pdf", "Travel rules.docx"):
        row = page.locator("#documents tr", has_text=name)
        expect(row).to_contain_text("Ready", timeout=ANSWER_MS)
    page.close()


def _wait_until_finished(page: Page) -> None:
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=ANSWER_MS)
    expect(page.locator(".turn").last.locator("[data-copy]")).to_be_visible(
        timeout=ANSWER_MS
    )


def _last_answer(page: Page) -> str:
    return page.locator(".turn").last.locator(".answer").inner_text()


def test_a_wrong_password_is_refused_and_the_right_one_is_not(
    site: RunningSite, signed_in: BrowserContext
) -> None:
    assert signed_in.browser
    context = signed_in.browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/documents")
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in(page, "not-this-one-at-all")
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in(page)
    expect(page).to_have_url(re.compile("/documents"))
    context.close()


@pytest.mark.usefixtures("library")
def test_an_answer_comes_token_by_token(site: RunningSite, page: Page) -> None:
    """The small model answers some questions in one word: one of these is longer."""
    questions = [
        "Describe parental leave at Northwind in full sentences.",
        "Tell me everything about the leave policy and the travel rules.",
        "How long is parental leave, and when is it taken?",
        "What do the travel rules say about hotels and trains?",
    ]
    assert any(len(_lengths_seen(site, page, q)) >= 2 for q in questions)


def _lengths_seen(site: RunningSite, page: Page, question: str) -> set[int]:
    """Return the lengths above 0 that the answer had while it was written."""
    page.goto(site.url)
    ask(page, question)
    live = page.locator("[data-live] [data-text]")
    lengths: set[int] = set()
    deadline = time.monotonic() + ANSWER_MS / 1000
    while time.monotonic() < deadline:
        if page.locator(".turn").last.locator("[data-copy]").count():
            break
        if live.count():
            lengths.add(page.evaluate(_LIVE_LENGTH))
        page.wait_for_timeout(20)
    return lengths - {0}


@pytest.mark.usefixtures("library")
def test_a_citation_opens_the_highlighted_passage(
    site: RunningSite, page: Page
) -> None:
    page.goto(site.url)
    ask(page, "How many days of paid leave does every employee have?")
    _wait_until_finished(page)
    assert "27" in _last_answer(page)
    mark = page.locator(".turn").last.locator("a.mark").first
    mark.hover()
    card = page.locator(".hover-card")
    expect(card.locator("mark")).to_contain_text("27 days of paid leave")
    mark.click()
    expect(page).to_have_url(re.compile(r"/documents/[0-9a-f-]+\?"))
    expect(page.locator("mark").first).to_contain_text("27 days of paid leave")
    image = page.locator("img[src*='.png']").first
    expect(image).to_be_visible()
    deadline = time.monotonic() + 60
    while not image.evaluate("i => i.naturalWidth > 100"):
        assert time.monotonic() < deadline, "the page picture did not load"
        page.wait_for_timeout(100)
    expect(page.locator("svg rect").first).to_be_visible()


# A mark of another sentence of the same source, that other words bear.
_OTHER_WORDS = """(mark) => {
  const card = mark.closest(".answer").querySelector("[data-source-cards]").content
    .querySelector(`[data-n="${mark.dataset.n}"]`);
  const letters = [...card.querySelector(".quote").textContent];
  const place = new URL(mark.href);
  place.searchParams.set("start", Number(card.dataset.start) + letters.length - 9);
  place.searchParams.set("end", Number(card.dataset.start) + letters.length);
  mark.href = place.href;
  return letters.slice(-9).join("");
}"""


@pytest.mark.usefixtures("library")
def test_each_number_shows_the_words_of_its_own_sentence(
    site: RunningSite, page: Page
) -> None:
    page.goto(site.url)
    ask(page, "How many days of paid leave does every employee have?")
    _wait_until_finished(page)
    mark = page.locator(".turn").last.locator("a.mark").first
    words = mark.evaluate(_OTHER_WORDS)
    mark.hover()
    shown = page.locator(".hover-card mark.borne")
    expect(shown).to_have_text(words.strip())
    assert shown.text_content() == words


@pytest.mark.usefixtures("library")
def test_a_conversation_is_there_after_a_reload_and_understands_a_follow_up(
    site: RunningSite, page: Page
) -> None:
    page.goto(site.url)
    ask(page, "How long does parental leave last?")
    _wait_until_finished(page)
    assert "16" in _last_answer(page)
    page.reload()
    assert "16" in _last_answer(page)
    ask(page, "When must it be taken?")
    expect(page.locator(".turn")).to_have_count(2)
    _wait_until_finished(page)
    expect(page.locator("#sources")).to_contain_text(
        "Parental leave", timeout=ANSWER_MS
    )


@pytest.mark.usefixtures("library")
def test_stop_stops(site: RunningSite, page: Page) -> None:
    page.goto(site.url)
    ask(page, "Tell me everything about the leave policy and the travel rules.")
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=ANSWER_MS)
    stop.press("Enter")
    expect(stop).to_be_hidden(timeout=15_000)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()
    expect(page.locator(".turn").last).to_contain_text(
        re.compile("stopped", re.IGNORECASE), timeout=15_000
    )


@pytest.mark.usefixtures("library")
def test_what_the_documents_do_not_hold_is_said(site: RunningSite, page: Page) -> None:
    page.goto(site.url)
    ask(page, "Which volcano erupted in Iceland in 2010?")
    expect(page.locator(".turn").last).to_contain_text(
        "Not in your documents", timeout=ANSWER_MS
    )


@pytest.mark.usefixtures("library")
def test_a_phone_has_no_sideways_scroll(site: RunningSite, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/documents", "/account", "/account/keys", "/health"):
        page.goto(f"{site.url}{path}")
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, path


def test_no_request_leaves_the_site(site: RunningSite, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/documents", "/account/keys", "/api/docs", "/admin/"):
        page.goto(f"{site.url}{path}")
    assert asked
    assert [u for u in asked if not u.startswith((site.url, "data:"))] == []
