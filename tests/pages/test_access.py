"""Every page: right for its user, absent for a stranger, a door for the rest."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from generation.models import Answer
from ingestion.models import Document
from rag_site.models import ApiKey, User
from tests import factories
from tests.keyed import make_key
from tests.pages.scenes import Scene

ClientOf = Callable[[User], Client]


def _addresses(scene: Scene) -> dict[str, str]:
    return {
        "new chat": "/",
        "chat": f"/c/{scene.conversation.pk}",
        "chats": "/chats?q=hold",
        "answer": f"/answers/{scene.answer.pk}/",
        "sources": f"/answers/{scene.answer.pk}/sources",
        "edit": f"/answers/{scene.answer.pk}/edit",
        "chat in edit": f"/c/{scene.conversation.pk}?edit={scene.answer.pk}",
        "library": "/documents",
        "collection": f"/documents?collection={scene.collection.pk}&sort=name",
        "document": f"/documents/{scene.document.pk}?page=1&start=27&end=50",
        "progress": f"/documents/progress?live=row:{scene.waiting.pk}"
        f"&live=line:{scene.failed.pk}&in={scene.collection.pk}",
        "failed document": f"/documents/{scene.failed.pk}",
        "new collection": "/collections/new",
        "settings": f"/collections/{scene.collection.pk}/settings",
        "why": f"/collections/{scene.collection.pk}/why",
        "answer quality": f"/collections/{scene.collection.pk}/answers",
        "run": f"/collections/{scene.collection.pk}/answers/runs/{scene.run.pk}",
        "run state": f"/collections/{scene.collection.pk}/answers/runs/{scene.run.pk}/state",
        "inbox": f"/collections/{scene.collection.pk}/inbox",
        "golden file": f"/collections/{scene.collection.pk}/answers/golden.jsonl",
        "approve": f"/answers/{scene.answer.pk}/approve",
        "account": "/account",
        "keys": "/account/keys",
    }


PRIVATE = (
    "chat",
    "answer",
    "sources",
    "edit",
    "chat in edit",
    "collection",
    "document",
    "failed document",
    "settings",
    "why",
    "answer quality",
    "run",
    "run state",
    "inbox",
    "golden file",
    "approve",
)


def test_every_page_is_there_for_its_user(scene: Scene, client_of: ClientOf) -> None:
    client = client_of(factories.alice())
    for name, address in _addresses(scene).items():
        assert client.get(address).status_code == 200, name


@pytest.mark.parametrize("name", PRIVATE)
def test_a_stranger_finds_nothing(scene: Scene, client_of: ClientOf, name: str) -> None:
    response = client_of(factories.charlie()).get(_addresses(scene)[name])
    assert response.status_code == 404
    assert b"Pump" not in response.content


def test_progress_tells_a_stranger_nothing(scene: Scene, client_of: ClientOf) -> None:
    address = _addresses(scene)["progress"]
    assert "Waiting" in client_of(factories.bob()).get(address).content.decode()
    html = client_of(factories.charlie()).get(address).content.decode()
    for secret in ("later.txt", "broken.pdf", "Waiting", "Failed", "damaged", "files"):
        assert secret not in html


def _changes(scene: Scene) -> tuple[str, ...]:
    """Every address that changes something, each of what is Alice's."""
    nobody = UUID(int=0)
    return (
        f"/c/{scene.conversation.pk}/rename",
        f"/c/{scene.conversation.pk}/undelete",
        f"/c/{scene.conversation.pk}/delete",
        f"/answers/{scene.answer.pk}/stop",
        f"/answers/{scene.answer.pk}/retry",
        f"/answers/{scene.answer.pk}/feedback",
        f"/documents/{scene.failed.pk}/retry",
        f"/documents/{scene.waiting.pk}/cancel",
        f"/documents/{scene.document.pk}/delete",
        f"/documents/{scene.document.pk}/tags",
        f"/documents/{scene.document.pk}/share",
        f"/documents/{scene.document.pk}/shares/1/end",
        f"/collections/{scene.collection.pk}/documents",
        f"/collections/{scene.collection.pk}/choice",
        f"/collections/{scene.collection.pk}/fetch",
        f"/collections/{scene.collection.pk}/settings",
        f"/collections/{scene.collection.pk}/members",
        f"/collections/{scene.collection.pk}/retry",
        f"/collections/{scene.collection.pk}/delete",
        f"/collections/{scene.collection.pk}/why/golden",
        f"/collections/{scene.collection.pk}/why/golden/{nobody}/remove",
        f"/collections/{scene.collection.pk}/why/run",
        f"/collections/{scene.collection.pk}/answers/golden",
        f"/collections/{scene.collection.pk}/answers/golden/{nobody}/remove",
        f"/collections/{scene.collection.pk}/answers/golden/import",
        f"/collections/{scene.collection.pk}/answers/pairs.jsonl",
        f"/collections/{scene.collection.pk}/answers/runs",
        f"/collections/{scene.collection.pk}/answers/runs/{scene.run.pk}/stop",
        f"/collections/{scene.collection.pk}/inbox/{'0' * 64}/done",
        f"/collections/{scene.collection.pk}/inbox/{'0' * 64}/open",
        f"/answers/{scene.answer.pk}/approve",
        f"/members/{scene.collection.memberships.get().pk}/remove",
        f"/account/keys/{_key_of_alice().pk}/revoke",
    )


def _key_of_alice() -> ApiKey:
    make_key(factories.alice())
    return ApiKey.objects.latest("created_at")


def test_a_stranger_can_change_nothing(scene: Scene, client_of: ClientOf) -> None:
    client = client_of(factories.charlie())
    for address in _changes(scene):
        sent = {"title": "Mine", "rating": "up", "name": scene.collection.name}
        assert client.post(address, sent).status_code == 404, address
    scene.conversation.refresh_from_db()
    assert scene.conversation.title == "How much does it hold?"
    assert scene.collection.documents.count() == 3


# Of nobody's objects, or tried by the tests that are named.
_BY_THEMSELVES = {
    "sign_in", "sign_out", "setup", "password", "end_sessions",  # test_account
    "health", "health_report", "see_as", "threshold",  # below, test_see_as, test_curating
    "ask", "filter_tags", "bulk",  # below
}  # fmt: skip


def test_every_page_is_tried_by_a_stranger(scene: Scene) -> None:
    """Whoever adds a page says here whose it is."""
    tried = [*_addresses(scene).values(), *_changes(scene), _picture(scene)]
    names = {resolve(urlsplit(address).path).url_name for address in tried}
    assert _names(get_resolver()) - names == _BY_THEMSELVES


def _names(patterns: URLResolver) -> set[str]:
    found: set[str] = set()
    for one in patterns.url_patterns:
        if isinstance(one, URLPattern):
            found.add(one.name or str(one.pattern))
        elif str(one.pattern) not in ("admin/", "api/v1/"):
            found |= _names(one)
    return found - {
        "openapi",
        "api-docs",
        "health/live",
        "health/ready",
        "favicon.ico",
        "metrics",
    }


def _picture(scene: Scene) -> str:
    return f"/documents/{scene.document.pk}/pages/1.png"


def test_what_is_asked_ticked_or_drawn_is_ones_own(
    scene: Scene, client_of: ClientOf
) -> None:
    Document.objects.update(tags=["secret"])
    client = client_of(factories.charlie())
    assert client.get(_picture(scene)).status_code == 404
    for sent in (
        {"conversation": scene.conversation.pk},
        {"picker": "1", "collections": [scene.collection.pk]},
    ):
        asked = client.post("/ask", {"question": "How much?", **sent})
        assert asked.status_code == 404
    assert Answer.objects.count() == 2
    assert b"secret" not in client.get("/filters/tags").content
    assert b"secret" in client_of(factories.bob()).get("/filters/tags").content
    for action in ("delete", "retry", "cancel"):
        client.post("/documents/bulk", {"action": action, "document": scene.waiting.pk})
    scene.waiting.refresh_from_db()
    assert scene.waiting.state == Document.State.QUEUED
    assert scene.waiting.attempt == 0


def test_an_unknown_person_changes_nothing(scene: Scene) -> None:
    for address in (*_changes(scene), "/ask", "/documents/bulk"):
        response = Client().post(address)
        assert response["Location"].startswith("/sign-in?next="), address


def test_a_reader_reads_and_does_not_write(scene: Scene, client_of: ClientOf) -> None:
    client = client_of(factories.bob())
    assert client.get(_addresses(scene)["document"]).status_code == 200
    for name in ("settings", "why", "answer quality", "run", "inbox", "golden file"):
        assert client.get(_addresses(scene)[name]).status_code == 404, name
    address = f"/documents/{scene.document.pk}/delete"
    assert client.post(address).status_code == 404


def test_an_unknown_person_is_sent_to_sign_in(scene: Scene) -> None:
    for name, address in _addresses(scene).items():
        response = Client().get(address)
        assert response.status_code == 302, name
        assert response["Location"].startswith("/sign-in?next="), name


def test_health_is_for_staff(client_of: ClientOf) -> None:
    staff = factories.make_user("sam", is_staff=True)
    assert client_of(factories.alice()).get("/health").status_code == 404
    page = client_of(staff).get("/health")
    assert page.status_code == 200
    assert b"Plan of this machine" in page.content
    report = client_of(staff).get("/health/report")
    assert report.json()["plan"]["context_tokens"] > 0
    assert report["Content-Disposition"].startswith("attachment")


class _Inline(HTMLParser):
    """Collects what a strict Content-Security-Policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag}>")
        self.found += [
            f"{tag} {name}"
            for name, value in attrs
            if name == "style"
            or name.startswith(("on", "hx-on"))
            or (value or "").startswith(("http:", "https:", "//", "javascript:"))
        ]
        if given.get("id"):
            self.ids.append(str(given["id"]))


def test_no_page_needs_more_than_the_policy_allows(
    scene: Scene, client_of: ClientOf
) -> None:
    client = client_of(factories.alice())
    pages = {**_addresses(scene), "no such page": "/nothing-here"}
    for name, address in pages.items():
        _check(name, client.get(address).content.decode())
    _check("sign in", Client().get("/sign-in").content.decode())


def _check(name: str, html: str) -> None:
    seen = _Inline()
    seen.feed(html)
    assert seen.found == [], name
    assert len(seen.ids) == len(set(seen.ids)), (name, sorted(seen.ids))


def test_the_policy_is_sent(client_of: ClientOf) -> None:
    sent = client_of(factories.alice()).get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in sent
    assert "unsafe" not in sent


def test_an_error_page_says_what_to_do(client_of: ClientOf) -> None:
    page = client_of(factories.alice()).get("/nothing-here")
    html = page.content.decode()
    assert page.status_code == 404
    assert page["X-Reference"] in html
    assert 'href="/"' in html


def test_a_browser_finds_the_icon_without_signing_in() -> None:
    icon = Client().get("/favicon.ico")
    assert icon.status_code == 302
    assert icon["Location"].endswith(".svg")
