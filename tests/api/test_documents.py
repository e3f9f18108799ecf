"""Collections and documents over REST."""

from __future__ import annotations

from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client

from ingestion import receiving
from ingestion.addresses import Target
from ingestion.fetching import Fetched
from ingestion.filing import file_of
from ingestion.models import Collection, Document, Membership, Role
from rag_site.models import AuditEvent
from tests import factories, samples
from tests.keyed import client_of, make_key

pytestmark = pytest.mark.django_db


def text_file(
    name: str = "notes.txt", content: bytes = b"Forty litres."
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/plain")


def test_a_collection_lives_and_dies() -> None:
    client = client_of(factories.alice())
    made = client.post(
        "/api/v1/collections",
        {"name": "Pumps", "language": "english"},
        content_type="application/json",
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["name"], body["role"], body["owner"]) == ("Pumps", "manager", "alice")
    path = f"/api/v1/collections/{body['id']}"
    patched = client.patch(
        path, {"description": "All"}, content_type="application/json"
    )
    assert patched.json()["description"] == "All"
    assert client.get(path).json()["name"] == "Pumps"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert AuditEvent.objects.filter(action="collection.deleted").exists()


def test_a_name_is_one_however_its_accents_are_written() -> None:
    client, kind = client_of(factories.alice()), "application/json"
    answers = [
        client.post("/api/v1/collections", {"name": name}, content_type=kind)
        for name in ("Cafe\u0301", "Caf\u00e9", "é" * 121)
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 422]
    assert answers[0].json()["name"] == "Caf\u00e9"
    assert "120 characters" in answers[2].json()["error"]["message"]


def test_a_page_of_collections_never_repeats() -> None:
    alice = factories.alice()
    for number in range(7):
        factories.make_collection(alice, f"c{number}")
    client, names, cursor = client_of(alice), [], ""
    while True:
        page = client.get(f"/api/v1/collections?limit=3&cursor={cursor}").json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert names == [f"c{n}" for n in range(7)]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=abc",
        "cursor=%00",
        "cursor=WyJhIl0",
        "cursor=W1tbW1s",
        "cursor=WyJcdWQ4MDAiLCJcdWQ4MDAiXQ",  # half of a surrogate pair, twice
        "limit=101",
        "limit=0",
        "limit=x",
    ],
)
def test_a_bad_page_is_refused(query: str) -> None:
    answer = client_of(factories.alice()).get(f"/api/v1/collections?{query}")
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["reference"]


def test_members_come_and_go() -> None:
    collection = factories.make_collection()
    factories.bob()
    client = client_of(factories.alice())
    path = f"/api/v1/collections/{collection.pk}/members"
    made = client.post(
        path, {"user": "bob", "role": "writer"}, content_type="application/json"
    )
    assert made.status_code == 201
    assert client.get(path).json()["items"] == [made.json()]
    assert client.delete(f"{path}/{made.json()['id']}").status_code == 204
    assert not Membership.objects.exists()
    unknown = client.post(
        path, {"user": "nobody", "role": "reader"}, content_type="application/json"
    )
    assert unknown.status_code == 422
    assert unknown.json()["error"]["detail"]["field"] == "user"
    both = client.post(path, {"role": "reader"}, content_type="application/json")
    assert both.status_code == 422


def test_a_member_of_another_collection_cannot_be_removed_through_ones_own() -> None:
    theirs = factories.make_collection(factories.bob(), shared_with=factories.charlie())
    mine = factories.make_collection(factories.alice())
    member = theirs.memberships.get()
    path = f"/api/v1/collections/{mine.pk}/members/{member.pk}"
    assert client_of(factories.alice()).delete(path).status_code == 404
    assert theirs.memberships.exists()


def test_many_files_get_a_row_each_and_a_bad_one_stops_no_other() -> None:
    collection = factories.make_collection()
    client = client_of(factories.alice())
    answer = client.post(
        f"/api/v1/collections/{collection.pk}/documents",
        {"files": [text_file(), text_file("empty.txt", b""), text_file("again.txt")]},
    )
    assert answer.status_code == 202, answer.content
    rows = answer.json()["documents"]
    assert [row["outcome"] for row in rows] == ["created", "refused", "duplicate"]
    assert rows[0]["document"]["state"] == "queued"
    assert rows[1]["error"]["code"] == "empty_file"
    assert rows[1]["error"]["reference"]
    assert Document.objects.count() == 1


def test_an_upload_without_files_names_the_field() -> None:
    collection = factories.make_collection()
    answer = client_of(factories.alice()).post(
        f"/api/v1/collections/{collection.pk}/documents", {}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["detail"]["field"] == "files"


@pytest.mark.parametrize(
    ("files", "fields", "status", "limit"),
    [
        (51, {}, 413, "50"),
        (0, {"paths": ["a.txt"] * 300}, 413, "200"),
        (0, {"x" * 1100: "y"}, 400, "1,024"),
    ],
)
def test_a_form_over_a_limit_names_it(
    files: int, fields: dict[str, object], status: int, limit: str
) -> None:
    answer = _send(
        client_of(factories.alice()),
        factories.make_collection(),
        *(text_file(f"{n}.txt") for n in range(files)),
        **fields,
    )
    assert answer.status_code == status
    assert limit in answer.json()["error"]["message"]


def test_the_same_key_uploads_once() -> None:
    collection = factories.make_collection()
    client = client_of(factories.alice())
    path = f"/api/v1/collections/{collection.pk}/documents"
    first, second = (
        client.post(path, {"files": [text_file()]}, headers={"Idempotency-Key": "k1"})
        for _ in range(2)
    )
    assert first.json()["documents"][0]["outcome"] == "created"
    assert second.json() == first.json()
    other = client.post(
        path,
        {"files": [text_file(content=b"Other.")]},
        headers={"Idempotency-Key": "k1"},
    )
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_mismatch"


def test_documents_are_listed_newest_first_and_by_state() -> None:
    collection = factories.make_collection()
    factories.make_ready_document(collection, "a.txt")
    factories.make_document(collection, "b.txt")
    client = client_of(factories.alice())
    items = client.get("/api/v1/documents").json()["items"]
    assert [item["name"] for item in items] == ["b.txt", "a.txt"]
    assert (items[1]["percent"], items[0]["place"]) == (100, 1)
    ready = client.get(f"/api/v1/documents?state=ready&collection={collection.pk}")
    assert [item["name"] for item in ready.json()["items"]] == ["a.txt"]


def test_the_list_costs_the_same_however_long(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    collection = factories.make_collection()
    for number in range(20):
        factories.make_ready_document(collection, f"{number}.txt", [f"Page {number}."])
    client = client_of(factories.alice())
    with django_assert_max_num_queries(8):
        assert len(client.get("/api/v1/documents?limit=20").json()["items"]) == 20


@pytest.mark.django_db(transaction=True)
async def test_content_is_an_attachment_that_runs_nothing() -> None:
    document, secret = await sync_to_async(_readable)()
    client, headers = AsyncClient(), {"Authorization": f"Bearer {secret}"}
    path = f"/api/v1/documents/{document.pk}"
    for what in ("file", "text"):
        answer = await client.get(f"{path}/{what}", headers=headers)
        assert answer.status_code == 200
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert b"".join([piece async for piece in answer]) == b"One.\n\f\nTwo."
    one = await client.get(f"{path}/text?page=2", headers=headers)
    assert b"".join([piece async for piece in one]) == b"Two."
    none = await client.get(f"{path}/text?page=3", headers=headers)
    assert none.status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_a_file_that_was_deleted_meanwhile_is_not_found() -> None:
    document, secret = await sync_to_async(_readable)()
    file_of((await document.versions.aget()).digest).unlink()
    answer = await AsyncClient().get(
        f"/api/v1/documents/{document.pk}/file",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def _readable() -> tuple[Document, str]:
    found = factories.make_ready_document(
        factories.make_collection(), 'naïve "x".html', ["One.", "Two."]
    )
    return found, make_key(factories.alice())


def test_what_has_not_been_read_has_no_text() -> None:
    document = factories.make_document(factories.make_collection())
    client = client_of(factories.alice())
    answer = client.get(f"/api/v1/documents/{document.pk}/text")
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        409,
        "document_not_ready",
    )


def test_retry_and_delete_need_a_writer() -> None:
    collection = factories.make_collection(shared_with=factories.bob())
    document = factories.make_document(
        collection,
        state=Document.State.FAILED,
        failure_code="corrupt",
        failure_message="The file is damaged.",
    )
    path = f"/api/v1/documents/{document.pk}"
    reader = client_of(factories.bob())
    assert reader.get(path).json()["failure"]["code"] == "corrupt"
    assert reader.post(f"{path}/retry").status_code == 404
    assert reader.delete(path).status_code == 404
    Membership.objects.update(role=Role.WRITER)
    retried = reader.post(f"{path}/retry")
    assert (retried.status_code, retried.json()["state"]) == (202, "queued")
    assert reader.delete(path).status_code == 204
    assert not Document.objects.exists()


def _send(client: Client, collection: Collection, *files: object, **fields: object):  # type: ignore[no-untyped-def]
    return client.post(
        f"/api/v1/collections/{collection.pk}/documents",
        {"files": list(files), **fields},
    )


def test_a_folder_keeps_its_paths() -> None:
    collection = factories.make_collection()
    client = client_of(factories.alice())
    both = [text_file(content=b"One."), text_file(content=b"Two.")]
    sent = _send(client, collection, *both, paths=["a/notes.txt", "../b/notes.txt"])
    rows = sent.json()["documents"]
    assert [row["outcome"] for row in rows] == ["created", "created"]
    assert [row["document"]["path"] for row in rows] == ["a/notes.txt", "b/notes.txt"]
    assert {row["document"]["name"] for row in rows} == {"notes.txt"}
    wrong = _send(client, collection, text_file(), paths=["a/x.txt", "b/x.txt"])
    assert wrong.status_code == 422
    assert wrong.json()["error"]["detail"]["field"] == "paths"


def test_a_taken_name_can_be_asked_about() -> None:
    collection = factories.make_collection()
    client = client_of(factories.alice())
    _send(client, collection, text_file(content=b"One."))
    asked = _send(client, collection, text_file(content=b"Two."), on_same_name="ask")
    [row] = asked.json()["documents"]
    assert (row["outcome"], row["error"]["code"]) == ("refused", "name_taken")
    assert row["error"]["detail"]["version"] == 1
    for policy, outcome in (("skip", "skipped"), ("replace", "new_version")):
        sent = _send(
            client, collection, text_file(content=b"Two."), on_same_name=policy
        )
        assert sent.json()["documents"][0]["outcome"] == outcome
    assert (
        _send(client, collection, text_file(), on_same_name="burn").status_code == 422
    )


def test_an_archive_is_one_row_or_one_for_each_file() -> None:
    collection = factories.make_collection()
    client = client_of(factories.alice())
    content = samples.zip_bytes({"a/one.txt": "One.", "bad.exe": b"MZ" + bytes(99)})
    whole = _send(client, collection, text_file("all.zip", content))
    assert [row["name"] for row in whole.json()["documents"]] == ["all.zip"]
    sent = _send(client, collection, text_file("all.zip", content), unpack="true")
    rows = {row["name"]: row["outcome"] for row in sent.json()["documents"]}
    assert rows == {"a/one.txt": "created", "bad.exe": "refused"}


@pytest.mark.django_db(transaction=True)
async def test_each_version_can_be_had() -> None:
    document, secret = await sync_to_async(_with_two_versions)()
    client, headers = AsyncClient(), {"Authorization": f"Bearer {secret}"}
    path = f"/api/v1/documents/{document.pk}"
    told = (await client.get(path, headers=headers)).json()
    assert (told["version"], told["searched_version"]) == (2, 1)
    for number, words in ((1, b"One."), (2, b"Two.")):
        for what in ("file", "text"):
            answer = await client.get(
                f"{path}/{what}?version={number}", headers=headers
            )
            assert b"".join([piece async for piece in answer]) == words
    for what, status in (("text?version=3", 404), ("file?version=0", 422)):
        answer = await client.get(f"{path}/{what}", headers=headers)
        assert answer.status_code == status


def _with_two_versions() -> tuple[Document, str]:
    document = factories.make_ready_document(
        factories.make_collection(), "a.txt", ["One."]
    )
    newer = factories._make_version(document, b"Two.")
    factories._make_pages(newer, ["Two."])
    return document, make_key(factories.alice())


def test_reading_is_cancelled_and_summed_up() -> None:
    collection = factories.make_collection()
    document = factories.make_document(collection, "a.txt", b"One.")
    factories.make_document(collection, "b.txt", b"Two.")
    client = client_of(factories.alice())
    Document.objects.update(queued_at="2026-01-01T00:00Z")
    cancelled = client.post(f"/api/v1/documents/{document.pk}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    again = client.post(f"/api/v1/documents/{document.pk}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    path = f"/api/v1/documents/progress?collection={collection.pk}"
    told = client.get(path).json()
    assert (told["done"], told["total"], told["failed"]) == (1, 2, 0)
    Document.objects.update(state="ready")
    assert client.get(path).json()["total"] == 0


def test_a_file_is_added_by_its_address(settings, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    settings.URL_IMPORT = True
    collection = factories.make_collection()
    client = client_of(factories.alice())
    path = f"/api/v1/collections/{collection.pk}/addresses"

    def post(url: str):  # type: ignore[no-untyped-def]
        return client.post(path, {"url": url}, content_type="application/json")

    refused = post("http://169.254.169.254/latest/meta-data/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        422,
        "address_refused",
    )
    assert post("").status_code == 422

    def fetch(url: str, config: object, into: Path) -> Fetched:
        into.write_text("Forty litres.")
        target = Target(scheme="https", host="example.org", port=443, path="/a.txt")
        return Fetched(
            target=target, address="1.1.1.1", name="a.txt", path=into, size_bytes=13
        )

    monkeypatch.setattr(receiving, "fetch", fetch)
    made = post("https://example.org/a.txt")
    assert made.status_code == 202
    assert made.json()["documents"][0]["document"]["name"] == "a.txt"
