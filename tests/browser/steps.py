"""What several browser tests do in the same way."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.running_site import PASSWORD


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.locator("[name=username]").fill("ada")
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()


def ask(page: Page, question: str) -> None:
    box = page.get_by_label("Your question")
    box.fill(question)
    box.press("Enter")
