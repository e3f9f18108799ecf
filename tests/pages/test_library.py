"""The library in the browser: add, find, mend, share, look at the passage."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext

from ingestion import filing, services
from ingestion.models import Collection, Document, Membership
from rag_site.models import User
from tests import factories, samples
from tests.pages.scenes import Scene

ClientOf = Callable[[User], Client]
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def alice(scene: Scene, client_of: ClientOf) -> Client:
    return client_of(factories.alice())


def _upload(
    client: Client, scene: Scene, *files: SimpleUploadedFile, **extra: str
) -> str:
    response = client.post(
        f"/collections/{scene.collection.pk}/documents",
        {"files": list(files), **extra},
        **HTMX,
    )
    assert response.status_code == 200
    return response.content.decode()


def test_the_table_says_state_reason_and_who_can_see_it(
    alice: Client, scene: Scene
) -> None:
    html = alice.get(f"/documents?collection={scene.collection.pk}").content.decode()
    assert "You and bob can see this" in html
    assert "The file is damaged. Add a good copy." in html
    assert "abcd1234" in html
    assert "Waiting, 1st in line" in html
    assert f'name="live" value="row:{scene.waiting.pk}"' in html
    assert f'name="live" value="row:{scene.document.pk}"' not in html
    assert f'hx-get="/documents/progress?in={scene.collection.pk}"' in html


def test_the_table_is_filtered_and_sorted(alice: Client, scene: Scene) -> None:
    ready = alice.get("/documents?state=ready", **HTMX).content.decode()
    assert "Pump manual" in ready
    assert "broken.pdf" not in ready
    named = alice.get("/documents?q=LATER", **HTMX).content.decode()
    assert "later.txt" in named
    assert "Pump manual" not in named
    by_name = alice.get("/documents?sort=-name", **HTMX).content.decode()
    assert 'aria-sort="descending"' in by_name
    assert by_name.index("later.txt") < by_name.index("broken.pdf")
    assert alice.get("/documents?sort=password&page=zero").status_code == 200


def test_files_are_taken_one_by_one(alice: Client, scene: Scene) -> None:
    html = _upload(
        alice,
        scene,
        SimpleUploadedFile("good.txt", b"A good file with words in it."),
        SimpleUploadedFile("empty.txt", b""),
        SimpleUploadedFile("odd.exe", b"MZ" + bytes(200)),
        SimpleUploadedFile("fake.pdf", b"no pdf at all, only plain words"),
    )
    assert 'data-outcome="created"' in html
    assert html.count("data-refused") == 3
    assert "The file is empty." in html
    assert scene.collection.documents.filter(name="good.txt").exists()
    assert scene.collection.documents.count() == 4


def test_the_same_file_and_the_same_name(alice: Client, scene: Scene) -> None:
    first = SimpleUploadedFile("notes.txt", b"The first words of a file.")
    _upload(alice, scene, first)
    again = SimpleUploadedFile("notes.txt", b"The first words of a file.")
    assert "Already there" in _upload(alice, scene, again)
    other = SimpleUploadedFile("notes.txt", b"Quite different words of a file.")
    skipped = _upload(alice, scene, other, on_same_name="skip")
    assert "Skipped" in skipped
    other.seek(0)
    assert "new_version" in _upload(alice, scene, other, on_same_name="replace")
    assert scene.collection.documents.filter(name="notes.txt").count() == 1


def test_a_file_over_the_limit_names_the_limit(
    alice: Client, scene: Scene, settings: object
) -> None:
    settings.MAX_UPLOAD_MB = 1  # type: ignore[attr-defined]
    large = SimpleUploadedFile("large.txt", b"word " * 300_000)
    html = _upload(alice, scene, large)
    assert "1 MB" in html
    assert not Document.objects.filter(name="large.txt").exists()


def test_without_script_an_upload_goes_back_to_the_library(
    alice: Client, scene: Scene
) -> None:
    response = alice.post(
        f"/collections/{scene.collection.pk}/documents",
        {"files": [SimpleUploadedFile("a.txt", b"Words in a file.")]},
        follow=True,
    )
    html = response.content.decode()
    assert "a.txt: added" in html


def test_retry_cancel_delete(alice: Client, scene: Scene) -> None:
    alice.post(f"/documents/{scene.failed.pk}/retry")
    scene.failed.refresh_from_db()
    assert scene.failed.state == Document.State.QUEUED
    alice.post(f"/documents/{scene.waiting.pk}/cancel")
    scene.waiting.refresh_from_db()
    assert scene.waiting.state == Document.State.CANCELLED
    alice.post("/documents/bulk", {"action": "delete", "document": [scene.document.pk]})
    assert not Document.objects.filter(pk=scene.document.pk).exists()


def test_a_document_that_is_ready_can_be_read_again(
    alice: Client, scene: Scene
) -> None:
    """A later release may read its tables better."""
    html = alice.get(f"/documents?collection={scene.collection.pk}").content.decode()
    assert f"/documents/{scene.document.pk}/retry" in html
    assert f"/documents/{scene.waiting.pk}/retry" not in html
    alice.post(f"/documents/{scene.document.pk}/retry")
    scene.document.refresh_from_db()
    assert scene.document.state == Document.State.QUEUED
    assert scene.document.current_version_id is not None


def test_all_that_was_read_can_be_read_again(alice: Client, scene: Scene) -> None:
    cancelled = factories.make_document(
        scene.collection, "no.txt", b"no", state="cancelled"
    )
    address = f"/collections/{scene.collection.pk}/retry"
    html = alice.get(f"/collections/{scene.collection.pk}/settings").content.decode()
    assert address in html
    page = alice.post(address, follow=True).content.decode()
    assert "2 are read again." in page
    rows = dict(scene.collection.documents.values_list("name", "state"))
    assert rows.pop(cancelled.name) == Document.State.CANCELLED
    assert set(rows.values()) == {Document.State.QUEUED}
    scene.document.refresh_from_db()
    scene.waiting.refresh_from_db()
    assert scene.document.current_version_id is not None
    assert (scene.document.attempt, scene.waiting.attempt) == (1, 0)


def test_progress_is_asked_for_also_where_no_row_is_unfinished(
    alice: Client, scene: Scene
) -> None:
    """Of the files on other pages; htmx logs an error for names that nothing has."""
    html = alice.get("/documents?state=ready").content.decode()
    assert 'name="live"' not in html
    assert 'hx-get="/documents/progress"' in html
    assert "hx-include=\"#progress, [name='live']\"" in html


def test_bulk_tells_what_could_not_be_done(alice: Client, scene: Scene) -> None:
    sent = {"action": "delete", "document": [scene.failed.pk, "nonsense"]}
    html = alice.post("/documents/bulk", sent, follow=True).content.decode()
    assert "1 of 2 deleted" in html
    assert "Unknown document" in html
    nothing = alice.post("/documents/bulk", {"action": "delete"}, follow=True)
    assert "Tick the documents first" in nothing.content.decode()


def test_going_back_never_leaves_the_site(alice: Client, scene: Scene) -> None:
    sent = {"next": "https://elsewhere.example/"}
    response = alice.post(f"/documents/{scene.failed.pk}/retry", sent)
    assert response["Location"] == "/documents"
    # A word is no name of a page of ours: neither a page that there is, nor none.
    for word in ("keys", "nothing"):
        assert alice.post("/documents/bulk", {"next": word})["Location"] == word


def test_the_passage_is_marked_and_text_is_text(alice: Client, scene: Scene) -> None:
    address = f"/documents/{scene.document.pk}?page=1&start=27&end=50"
    html = alice.get(address).content.decode()
    assert '<mark id="passage">It weighs 12 kilograms.</mark>' in html
    assert "&lt;b&gt;blue&lt;/b&gt; &amp; dry" in html


@pytest.mark.parametrize(
    "query", ["page=99", "page=-1", "start=9999999&end=1", "page=x&start=y&end=z"]
)
def test_odd_places_in_a_document_still_show_it(
    alice: Client, scene: Scene, query: str
) -> None:
    page = alice.get(f"/documents/{scene.document.pk}?{query}")
    assert page.status_code == 200
    assert "The pump holds 40 litres." in page.content.decode()


def test_a_version_of_another_document_is_not_shown(
    alice: Client, scene: Scene
) -> None:
    other = scene.failed.versions.get().pk
    for version in (other, "nonsense"):
        address = f"/documents/{scene.document.pk}?version={version}"
        assert alice.get(address).status_code == 404


def test_a_page_is_shown_as_it_looks_with_the_passage_boxed(
    alice: Client, scene: Scene
) -> None:
    content = samples.pdf_bytes(["The pump holds forty litres of water."])
    document = factories.make_document(
        scene.collection, "look.pdf", content, state=Document.State.READY
    )
    version = document.versions.get()
    version.media_type = "application/pdf"
    version.save()
    text = "The pump holds forty litres of water."
    version.pages.create(number=1, start=0, text=text, width=595, height=842)
    Document.objects.filter(pk=document.pk).update(current_version=version)
    html = alice.get(f"/documents/{document.pk}?page=1&start=0&end=14").content.decode()
    assert "with the passage boxed" in html
    assert "<rect " in html
    image = alice.get(f"/documents/{document.pk}/pages/1.png")
    assert image["Content-Type"] == "image/png"
    assert image.content.startswith(b"\x89PNG")
    assert alice.get(f"/documents/{document.pk}/pages/2.png").status_code == 404
    assert filing.images_of(version.digest).exists()
    with TestCase.captureOnCommitCallbacks(execute=True):
        services.delete_document(factories.asker(factories.alice()), document.pk)
    assert not filing.images_of(version.digest).exists()


def test_a_format_without_a_look_has_no_image(alice: Client, scene: Scene) -> None:
    html = alice.get(f"/documents/{scene.document.pk}").content.decode()
    assert "The page as it looks" not in html
    image = alice.get(f"/documents/{scene.document.pk}/pages/1.png")
    assert image.status_code == 404


def test_collections_are_made_changed_and_shared(alice: Client, scene: Scene) -> None:
    form = {"name": "Contracts", "visibility": "members", "language": "german"}
    response = alice.post("/collections/new", form)
    made = Collection.objects.get(name="Contracts")
    assert response["Location"] == f"/documents?collection={made.pk}"
    again = alice.post("/collections/new", form)
    assert again.status_code == 422
    assert "already have a collection named" in again.content.decode()
    long = alice.post("/collections/new", form | {"name": "x" * 121})
    assert "120" in long.content.decode()
    alice.post(f"/collections/{made.pk}/settings", form | {"name": "Treaties"})
    made.refresh_from_db()
    assert made.name == "Treaties"
    address = f"/collections/{made.pk}/members"
    alice.post(address, {"user": "bob", "role": "writer"})
    member = Membership.objects.get(collection=made)
    assert member.role == "writer"
    nobody = alice.post(address, {"user": "nobody", "role": "reader"})
    assert nobody.status_code == 422
    assert "no user of this name" in nobody.content.decode()
    alice.post(f"/members/{member.pk}/remove")
    assert not Membership.objects.filter(collection=made).exists()


def test_a_collection_is_deleted_only_with_its_name_typed(
    alice: Client, scene: Scene
) -> None:
    address = f"/collections/{scene.collection.pk}/delete"
    wrong = alice.post(address, {"name": "manuals"})
    assert wrong.status_code == 422
    assert "does not match" in wrong.content.decode()
    assert alice.post(address, {"name": "Manuals"})["Location"] == "/documents"
    assert not Collection.objects.filter(pk=scene.collection.pk).exists()


def test_the_table_asks_the_same_for_many_ready_documents(
    alice: Client, scene: Scene
) -> None:
    few = _queries(alice)
    for number in range(12):
        factories.make_ready_document(scene.collection, f"more {number}.txt")
    assert _queries(alice) <= few


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/documents", **HTMX).status_code == 200
    return len(seen)
