"""REST over HTTP against the running site, with a key made on its page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext

from tests import samples
from tests.running_site import RunningSite

pytestmark = [pytest.mark.browser, pytest.mark.models]

WAIT_S = 240
RULES = (
    "Rules of the Harbour library. A book may be kept for 21 days. "
    "Each day that a book is late costs 30 cents."
)


@pytest.fixture(scope="module")
def api(site: RunningSite, signed_in: BrowserContext) -> Iterator[httpx.Client]:
    page = signed_in.new_page()
    page.goto(f"{site.url}/account/keys")
    page.locator("[name=name]").fill("integration test")
    for box in page.locator("[name=scopes]").all():
        box.check()
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").inner_text().strip()
    page.close()
    with httpx.Client(
        base_url=f"{site.url}/api/v1",
        headers={"Authorization": f"Bearer {secret}"},
        timeout=WAIT_S,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def document(api: httpx.Client) -> dict[str, Any]:
    """A Markdown file, uploaded and read."""
    made = api.post("/collections", json={"name": "Harbour library"})
    assert made.status_code == 201, made.text
    collection = made.json()["id"]
    sent = api.post(
        f"/collections/{collection}/documents",
        files=[
            ("files", ("rules.md", samples.md_bytes(f"# Rules\n\n{RULES}\n"))),
            ("files", ("nothing.txt", b"")),
        ],
    )
    assert sent.status_code == 202, sent.text
    rows = {row["name"]: row for row in sent.json()["documents"]}
    assert "empty" in json.dumps(rows["nothing.txt"]).lower()
    pk = rows["rules.md"]["document"]["id"]
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        row: dict[str, Any] = api.get(f"/documents/{pk}").json()
        if row["state"] in {"ready", "failed"}:
            break
        time.sleep(0.5)
    assert row["state"] == "ready", row
    return row | {"collection": collection}


def test_search_finds_the_passage(api: httpx.Client, document: dict[str, Any]) -> None:
    found = api.post(
        "/search",
        json={
            "question": "How long may I keep a book?",
            "collections": [document["collection"]],
        },
    )
    assert found.status_code == 200, found.text
    assert "21 days" in found.json()["hits"][0]["quote"]


def test_ask_answers_with_sources_as_json(
    api: httpx.Client, document: dict[str, Any]
) -> None:
    answer = api.post(
        "/ask",
        json={
            "question": "For how many days may a book be kept?",
            "collections": [document["collection"]],
        },
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "21" in body["text"]
    assert body["refused"] is False
    assert "21 days" in body["sources"][0]["quote"]


def _events(lines: Iterator[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                data = json.loads(fields["data"])
                yield int(fields.get("id", 0)), fields["event"], data
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.strip()


def _written(events: list[tuple[int, str, dict[str, Any]]]) -> str:
    return "".join(data["text"] for _, kind, data in events if kind == "token")


def _others(
    events: list[tuple[int, str, dict[str, Any]]],
) -> list[tuple[int, str, dict[str, Any]]]:
    return [event for event in events if event[1] != "token"]


def test_ask_streams_and_the_stream_can_be_resumed(
    api: httpx.Client, document: dict[str, Any]
) -> None:
    question = {
        "question": "Explain in whole sentences what a reader of the Harbour library must do.",
        "collections": [document["collection"]],
        "stream": True,
    }
    with api.stream("POST", "/ask", json=question) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        seen = list(_events(stream.iter_lines()))
    kinds = [kind for _, kind, _ in seen]
    assert kinds[0] == "searching"
    assert kinds[-1] == "done", seen[-1]
    assert kinds.index("sources") < kinds.index("token")
    assert kinds.count("token") >= 2
    numbers = [number for number, _, _ in seen]
    assert numbers == sorted(set(numbers))

    done = seen[-1][2]
    middle = next(n for n, kind, _ in seen if kind == "token")
    with api.stream(
        "GET",
        f"/answers/{done['answer_id']}/events",
        headers={"Last-Event-ID": str(middle)},
    ) as stream:
        rest = list(_events(stream.iter_lines()))
    missed = [event for event in seen if event[0] > middle]
    assert _written(rest) == _written(missed) != ""
    # Saved tokens come in fewer pieces; everything else comes as it came.
    assert _others(rest) == _others(missed)
    assert [n for n, _, _ in rest] == sorted({n for n, _, _ in rest})
    assert rest[0][0] > middle
    assert rest[-1][2]["text"] == done["text"]


def test_an_unreadable_file_says_why(
    api: httpx.Client, document: dict[str, Any]
) -> None:
    sent = api.post(
        f"/collections/{document['collection']}/documents",
        files=[("files", ("secret.pdf", samples.encrypted_pdf_bytes()))],
    )
    pk = sent.json()["documents"][0]["document"]["id"]
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        row = api.get(f"/documents/{pk}").json()
        if row["state"] == "failed":
            break
        time.sleep(0.5)
    assert row["state"] == "failed"
    assert "password" in json.dumps(row)


def test_a_deleted_document_is_found_no_more(
    api: httpx.Client, document: dict[str, Any]
) -> None:
    extra = api.post(
        f"/collections/{document['collection']}/documents",
        files=[("files", ("pass.txt", b"The zebra crossing opens at dawn."))],
    )
    pk = extra.json()["documents"][0]["document"]["id"]
    ask = {"question": "When does the zebra crossing open?"}
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if api.get(f"/documents/{pk}").json()["state"] == "ready":
            break
        time.sleep(0.5)
    assert "zebra" in api.post("/search", json=ask).text
    assert api.delete(f"/documents/{pk}").status_code == 204
    assert "zebra crossing opens" not in api.post("/search", json=ask).text
    assert api.get(f"/documents/{pk}").status_code == 404


def test_the_shell_asks_the_running_site(
    site: RunningSite, document: dict[str, Any]
) -> None:
    answer = json.loads(
        site.manage(
            "ask",
            "For how many days may a book be kept?",
            "--collection",
            "Harbour library",
            "--user",
            "ada",
            "--json",
        )
    )
    assert "21" in answer["answer"]
    assert answer["sources"][0]["document"] == document["name"]
    assert any(c["sources"] for c in answer["citations"])
