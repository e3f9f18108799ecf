"""Rendered answers of a model that obeys documents, in a real browser: nobody is asked."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from generation.evaluating.orders import VARIANTS
from generation.rendering import render_answer
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.generation.orders import OBEDIENT

pytestmark = pytest.mark.browser

# A process of its own: the other browser tests hold this thread's event loop.
_LOOK = """
import json, sys
from playwright.sync_api import sync_playwright
given = json.load(sys.stdin)
asked = []
def refuse(route):
    asked.append(route.request.url)
    route.abort()
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=given["chromium"], args=given["arguments"])
    page = browser.new_page()
    page.on("dialog", lambda d: (asked.append("dialog"), d.dismiss()))
    page.route("**/*", refuse)
    for html in given["pages"]:
        page.set_content(html, wait_until="load")
        page.wait_for_timeout(50)
    if given["control"]:
        page.set_content(given["control"], wait_until="load")
        page.wait_for_timeout(200)
    browser.close()
print(json.dumps(asked))
"""


def look(pages: list[str], control: str = "") -> list[str]:
    """Return what the browser asked for; there is no Content-Security-Policy here."""
    given = {
        "chromium": CHROMIUM,
        "arguments": ARGUMENTS,
        "pages": pages,
        "control": control,
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOOK],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_no_answer_makes_the_browser_ask_anybody() -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium: `apt-get install chromium`, then run again")
    texts = [*VARIANTS.values(), *OBEDIENT.values()]
    pages = [str(render_answer(text, [], [])) for text in texts]
    # The control shows that the test would see it.
    control = '<img src="https://beacon.example/control">'
    assert look(pages, control) == ["https://beacon.example/control"]
