"""Adding by drag, folder and archive in a real browser; names that are taken; versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests import samples
from tests.browser.test_pages import _serious
from tests.running_site import RunningSite

pytestmark = [pytest.mark.browser, pytest.mark.models]

READ_MS = 240_000


def _fresh(site: RunningSite, page: Page, name: str) -> None:
    """Make a collection and stay on its page."""
    page.goto(f"{site.url}/collections/new")
    page.locator("main [name=name]").fill(name)
    page.locator("main").get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text(name)


def _settled(page: Page) -> None:
    expect(page.locator("[data-uploads-close]")).to_be_visible(timeout=READ_MS)


def test_a_folder_is_added_with_its_paths(
    site: RunningSite, page: Page, tmp_path: Path
) -> None:
    for number in range(30):
        folder = tmp_path / "shelf" / f"part {number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"note {number}.txt").write_text(f"Note {number} is short.")
    (tmp_path / "shelf" / "part 1" / "bad.exe").write_bytes(samples.program_bytes())
    (tmp_path / "shelf" / ".hidden.txt").write_text("Not for you.")
    _fresh(site, page, "A shelf")
    page.locator("#folder").set_input_files(tmp_path / "shelf")
    _settled(page)
    expect(page.locator("[data-uploads-count]")).to_have_text("30 added, 1 not added")
    bad = page.locator(".upload-line", has_text="shelf/part 1/bad.exe")
    expect(bad).to_contain_text("cannot be read here")
    rows = page.locator("#document-rows tr")
    expect(rows).to_have_count(30)
    expect(rows.filter(has_text="note 17.txt")).to_contain_text("shelf/part 2/")
    expect(rows.filter(has_text="Ready")).to_have_count(30, timeout=READ_MS)
    expect(page.locator("#progress")).to_have_text("", timeout=10_000)


def test_a_taken_name_is_decided_by_keyboard_on_a_phone(
    site: RunningSite, page: Page, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    _fresh(site, page, "Two of a name")
    files = [tmp_path / f"{name}.txt" for name in ("one", "two", "three")]
    for words in ("first", "second"):
        for file in files:
            file.write_text(f"The {words} words of {file.name}.")
        page.locator("#files").set_input_files(files)
        _settled(page)
    first = page.locator("[data-choice]").first
    expect(first.get_by_role("button", name="Replace")).to_be_focused()
    assert _serious(page) == []
    page.keyboard.press("Tab")
    expect(first.get_by_role("button", name="Keep both")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-choice]")).to_have_count(2)
    page.get_by_label("Do the same for all").focus()
    page.keyboard.press("Space")
    page.locator("[data-choice]").first.get_by_role("button", name="Replace").press(
        "Enter"
    )
    expect(page.locator("[data-choice]")).to_have_count(0)
    rows = page.locator("#document-rows tr")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="version 2")).to_have_count(2)
    expect(rows.filter(has_text="Ready")).to_have_count(4, timeout=READ_MS)


def test_an_archive_becomes_its_files(
    site: RunningSite, page: Page, tmp_path: Path
) -> None:
    archive = tmp_path / "all.zip"
    archive.write_bytes(
        samples.zip_bytes({"a/one.txt": "One.", "b/one.txt": "Two.", "x.exe": b"MZ"})
    )
    _fresh(site, page, "An archive")
    page.locator("#files").set_input_files(archive)
    _settled(page)
    line = page.locator(".upload-line")
    expect(line).to_contain_text("2 added, 1 not added")
    line.get_by_text("What was not added").click()
    expect(line).to_contain_text("x.exe")
    expect(page.locator("#document-rows tr")).to_have_count(2)


def _many(folder: Path) -> list[Path]:
    """Return more files than one request takes."""
    files = [folder / f"{number}.txt" for number in range(9)]
    for file in files:
        file.write_text(f"The words of {file.name}.")
    return files


def test_leaving_asks_while_files_are_sent(
    site: RunningSite, page: Page, tmp_path: Path
) -> None:
    _fresh(site, page, "Left too soon")
    here = page.url
    page.route("**/collections/*/documents", lambda route: None)
    page.locator("#files").set_input_files(_many(tmp_path))
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("h1").click()
    with page.expect_event("dialog") as asked:
        page.keyboard.press("n")
    assert asked.value.type == "beforeunload"
    expect(page).to_have_url(here)
    page.get_by_role("button", name="Stop sending").click()
    page.locator("h1").click()
    page.keyboard.press("n")
    expect(page).to_have_url(f"{site.url}/")


def test_stop_ends_what_is_sent_and_what_was_put_off(
    site: RunningSite, signed_in: BrowserContext, tmp_path: Path
) -> None:
    page = signed_in.new_page()  # the browser reports the refusal, as it should
    asked: list[Route] = []

    def busy_once(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="Busy.")

    _fresh(site, page, "Stopped")
    page.route("**/collections/*/documents", busy_once)
    with page.expect_response("**/collections/*/documents"):
        page.locator("#files").set_input_files(_many(tmp_path))
    page.get_by_role("button", name="Stop sending").click()
    _settled(page)
    expect(page.locator("[data-uploads-count]")).to_have_text("0 added, 9 not added")
    expect(page.locator(".upload-line", has_text="You stopped it")).to_have_count(9)
    page.wait_for_timeout(2000)
    assert len(asked) == 2
    page.close()


_PASTED = """([file, words]) => {
  const data = new DataTransfer();
  data.items.add(new File(["x"], file));
  data.setData("text/plain", words);
  const paste = { clipboardData: data, bubbles: true, cancelable: true };
  return !document.body.dispatchEvent(new ClipboardEvent("paste", paste));
}"""


def test_text_is_pasted_and_files_are_added(site: RunningSite, page: Page) -> None:
    """Office puts a picture beside its text, a file manager the names of its files."""
    _fresh(site, page, "Pasted")
    page.route("**/collections/*/documents", lambda route: None)
    assert not page.evaluate(_PASTED, ["image.png", "40\t50"])
    expect(page.locator("#upload-panel")).to_be_hidden()
    assert page.evaluate(_PASTED, ["notes.txt", "notes.txt"])
    assert page.evaluate(_PASTED, ["image.png", ""])
    expect(page.locator(".upload-line")).to_have_count(2)


def test_what_the_network_lost_is_sent_again(
    site: RunningSite, signed_in: BrowserContext, tmp_path: Path
) -> None:
    page = signed_in.new_page()  # the browser reports the failure, as it should
    file = tmp_path / "lost.txt"
    file.write_text("Lost and found.")
    _fresh(site, page, "A bad line")
    page.route("**/collections/*/documents", lambda route: route.fulfill(status=500))
    page.locator("#files").set_input_files(file)
    _settled(page)
    expect(page.locator("[data-uploads-count]")).to_have_text("0 added, 1 not added")
    page.unroute("**/collections/*/documents")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#document-rows tr")).to_have_count(1)
    expect(page.locator("[data-uploads-count]")).to_have_text("1 added")
    page.close()


def test_what_is_chosen_before_the_scripts_are_there_is_added(
    site: RunningSite, page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "early.txt"
    file.write_text("The early bird.")
    _fresh(site, page, "A slow line")
    held: list[Route] = []
    page.route("**/js/upload*.js", lambda route, _request: held.append(route))
    with page.expect_request("**/js/upload*.js"):
        page.reload(wait_until="commit")
    page.locator("#files").set_input_files(file)
    assert held
    for route in held:
        route.continue_()
    count = page.locator("[data-uploads-count]")
    expect(count).to_have_text("1 added", timeout=READ_MS)


@pytest.mark.parametrize("width", [320, 768, 1024, 1440])
def test_a_long_name_widens_no_page(
    site: RunningSite, page: Page, tmp_path: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    _fresh(site, page, f"Long names at {width}")
    file = tmp_path / ("a_name_without_a_blank_" * 8 + ".txt")
    file.write_text("A short text.")
    page.locator("#files").set_input_files(file)
    row = page.locator("#document-rows tr")
    expect(row.filter(has_text="Ready")).to_have_count(1, timeout=READ_MS)
    for opened in (None, row.locator(".name a")):
        if opened:
            opened.click()
            expect(page.locator(".document h1")).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, page.url
