"""Adding in the browser: folders, archives, names that are taken, web addresses."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ingestion import holding, receiving
from ingestion.addresses import Target
from ingestion.errors import AddressRefused, DiskFull
from ingestion.fetching import Fetched
from ingestion.models import Document, Membership, Role
from rag_site.models import AuditEvent, User
from tests import factories, samples
from tests.pages.scenes import Scene

ClientOf = Callable[[User], Client]
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def alice(scene: Scene, client_of: ClientOf) -> Client:
    return client_of(factories.alice())


def file(name: str, content: bytes | str) -> SimpleUploadedFile:
    data = content.encode() if isinstance(content, str) else content
    return SimpleUploadedFile(name, data)


def send(
    client: Client, scene: Scene, *files: SimpleUploadedFile, **extra: object
) -> str:
    response = client.post(
        f"/collections/{scene.collection.pk}/documents",
        {"files": list(files), **extra},
        **HTMX,
    )
    assert response.status_code == 200, response.content
    return response.content.decode()


def choose(client: Client, scene: Scene, choice: str, *tokens: str, **extra: str):
    return client.post(
        f"/collections/{scene.collection.pk}/choice",
        {"token": list(tokens), "choice": choice},
        **extra,
    )


def tokens_of(html: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'name="token" value="([^"]+)"', html)]


def held_files() -> list[Path]:
    folder = site_settings.FILES_DIR / "held"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture(autouse=True)
def _nothing_held() -> None:
    for path in held_files():
        path.unlink()


def paths(scene: Scene) -> set[str]:
    return {document.path for document in scene.collection.documents.all()}


@pytest.mark.parametrize("page", ["/", "/documents"])
def test_a_page_that_takes_files_says_how_large_they_may_be(
    alice: Client, scene: Scene, page: str
) -> None:
    html = alice.get(page).content.decode()
    assert f'data-max-mb="{site_settings.MAX_UPLOAD_MB}"' in html


def test_a_folder_keeps_its_paths(alice: Client, scene: Scene) -> None:
    sent = [file("README.md", "# One"), file("README.md", "# Two")]
    html = send(alice, scene, *sent, paths=["hb/a/README.md", "hb/b/../README.md"])
    assert html.count('data-outcome="created"') == 2
    assert {"hb/a/README.md", "hb/b/README.md"} < paths(scene)
    table = alice.get("/documents?q=hb/a").content.decode()
    assert "hb/a/</span><bdi>README.md</bdi>" in table
    assert "hb/b/</span>" not in table


def test_one_bad_file_of_a_folder_stops_no_other(alice: Client, scene: Scene) -> None:
    sent = [file("a.txt", "One."), file("b.exe", b"MZ" + bytes(99)), file("c.txt", "")]
    html = send(alice, scene, *sent, paths=["f/a.txt", "f/b.exe", "f/c.txt"])
    lines = re.findall(r'<li class="upload-line[^>]*data-outcome="(\w+)"', html)
    assert lines == ["created", "refused", "refused"]


def test_a_name_that_is_taken_is_asked_about(alice: Client, scene: Scene) -> None:
    first = send(alice, scene, file("Handbook.txt", "One."))
    assert 'data-outcome="created"' in first
    html = send(alice, scene, file("Handbook.txt", "Two."))
    assert 'data-outcome="conflict"' in html
    assert "is here already, with other content" in html
    assert "version 1</a>, added by alice" in html
    for word in ("Replace", "Keep both", "Skip"):
        assert f">{word}</button>" in html
    assert scene.collection.documents.filter(name="Handbook.txt").count() == 1
    assert len(held_files()) == 1


@pytest.mark.parametrize(
    ("choice", "documents", "versions", "outcome"),
    [
        ("replace", 1, 2, "new_version"),
        ("keep", 2, 2, "created"),
        ("skip", 1, 1, "skipped"),
    ],
)
def test_the_choice_needs_no_second_sending(
    alice: Client,
    scene: Scene,
    choice: str,
    documents: int,
    versions: int,
    outcome: str,
) -> None:
    send(alice, scene, file("Handbook.txt", "One."))
    token = tokens_of(send(alice, scene, file("Handbook.txt", "Two.")))
    html = choose(alice, scene, choice, *token, **HTMX).content.decode()
    assert f'data-outcome="{outcome}"' in html
    rows = scene.collection.documents.filter(name="Handbook.txt")
    assert rows.count() == documents
    assert sum(row.versions.count() for row in rows) == versions
    assert held_files() == []
    again = choose(alice, scene, choice, *token, **HTMX).content.decode()
    assert "a choice was made already" in again


def test_one_choice_for_many(alice: Client, scene: Scene) -> None:
    names = [f"{number}.txt" for number in range(6)]
    send(alice, scene, *[file(name, f"{name} one") for name in names])
    html = send(alice, scene, *[file(name, f"{name} two") for name in names])
    tokens = tokens_of(html)
    assert len(tokens) == 6
    html = choose(alice, scene, "replace", *tokens, **HTMX).content.decode()
    assert html.count('data-outcome="new_version"') == 6


def test_without_script_the_choice_has_a_page(alice: Client, scene: Scene) -> None:
    address = f"/collections/{scene.collection.pk}/documents"
    alice.post(address, {"files": [file("Handbook.txt", "One.")]})
    page = alice.post(address, {"files": [file("Handbook.txt", "Two.")]})
    html = page.content.decode()
    assert page.status_code == 409
    assert "Some names are taken" in html
    done = choose(alice, scene, "replace", *tokens_of(html), follow=True)
    assert "Handbook.txt: added as a new version" in done.content.decode()


def test_a_token_is_for_its_sender_alone(
    alice: Client, scene: Scene, client_of: ClientOf
) -> None:
    Membership.objects.update(role=Role.WRITER)
    send(alice, scene, file("Handbook.txt", "One."))
    token = tokens_of(send(alice, scene, file("Handbook.txt", "Two.")))[0]
    bob = client_of(factories.bob())
    assert choose(bob, scene, "replace", token, **HTMX).status_code == 404
    assert choose(alice, scene, "replace", token + "x", **HTMX).status_code == 404
    assert choose(alice, scene, "burn", token, **HTMX).status_code == 422
    own = factories.make_collection(name="Own")
    response = alice.post(
        f"/collections/{own.pk}/choice", {"token": token, "choice": "keep"}, **HTMX
    )
    assert response.status_code == 404
    assert len(held_files()) == 1


def test_who_may_no_longer_write_can_no_longer_choose(
    scene: Scene, client_of: ClientOf
) -> None:
    Membership.objects.update(role=Role.WRITER)
    bob = client_of(factories.bob())
    send(bob, scene, file("Handbook.txt", "One."))
    token = tokens_of(send(bob, scene, file("Handbook.txt", "Two.")))[0]
    Membership.objects.update(role=Role.READER)
    assert choose(bob, scene, "replace", token, **HTMX).status_code == 404


def test_what_waits_too_long_is_gone(alice: Client, scene: Scene, monkeypatch) -> None:
    send(alice, scene, file("Handbook.txt", "One."))
    token = tokens_of(send(alice, scene, file("Handbook.txt", "Two.")))[0]
    old = time.time() - holding.HELD_S - 5
    os.utime(held_files()[0], (old, old))
    holding.forget_old()
    assert held_files() == []
    html = choose(alice, scene, "keep", token, **HTMX).content.decode()
    assert "waited too long" in html
    monkeypatch.setattr(holding, "HELD_S", -1)
    assert (
        "waited too long"
        in choose(alice, scene, "keep", token, **HTMX).content.decode()
    )


def test_an_archive_becomes_its_files(alice: Client, scene: Scene) -> None:
    archive = samples.zip_bytes(
        {
            "a/one.txt": "One.",
            "b/one.txt": "Two.",
            "x.exe": b"MZ" + bytes(50),
            "e.txt": "",
        }
    )
    html = send(alice, scene, file("all.zip", archive))
    assert "2 added, 2 not added" in html
    assert "<strong>x.exe</strong>" in html
    assert "The file is empty." in html
    assert {"a/one.txt", "b/one.txt"} < paths(scene)
    assert "4 already there" not in html
    again = send(alice, scene, file("all.zip", archive))
    assert "0 added, 2 already there, 2 not added" in again


def test_the_names_of_an_archive_are_asked_about_once(
    alice: Client, scene: Scene
) -> None:
    send(alice, scene, file("all.zip", samples.zip_bytes({"a.txt": "1", "b.txt": "2"})))
    newer = samples.zip_bytes({"a.txt": "one", "b.txt": "two", "c.txt": "three"})
    html = send(alice, scene, file("all.zip", newer))
    assert "has 2 files whose names are here already" in html
    token = tokens_of(html)
    assert len(token) == 1
    done = choose(alice, scene, "replace", *token, **HTMX).content.decode()
    assert "2 added, 1 already there" in done
    assert Document.objects.get(name="a.txt").versions.count() == 2


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"PK\x03\x04 no archive at all", ""),
        (samples.zip_bytes({}), "holds no files"),
        (samples.zip_bytes({"bomb.txt": bytes(30_000_000)}), ""),
        (samples.zip_bytes({f"{n}.txt": "x" for n in range(2500)}), "2,000"),
    ],
    ids=["damaged", "empty", "bomb", "many"],
)
def test_a_hostile_archive_is_refused_in_words(
    alice: Client, scene: Scene, archive: bytes, words: str
) -> None:
    before = paths(scene)
    html = send(alice, scene, file("bad.zip", archive))
    assert 'data-outcome="refused"' in html
    assert words.replace(",", "") in html.replace(",", "")
    assert paths(scene) == before


def test_an_archive_cannot_leave_its_folder(alice: Client, scene: Scene) -> None:
    slipping = samples.zip_bytes({"../../evil.txt": "Evil.", "good.txt": "Good."})
    html = send(alice, scene, file("slip.zip", slipping))
    assert "points outside the archive" in html
    assert paths(scene) >= {"good.txt"}
    assert not any("evil" in path for path in paths(scene))


def test_fetching_is_off_until_it_is_switched_on(alice: Client, scene: Scene) -> None:
    address = f"/collections/{scene.collection.pk}/fetch"
    response = alice.post(address, {"url": "https://example.org/a.txt"}, **HTMX)
    assert response.status_code == 404
    html = alice.get(f"/documents?collection={scene.collection.pk}").content.decode()
    assert "by its web address" not in html


def test_a_file_is_added_by_its_address(
    alice: Client, scene: Scene, settings, monkeypatch
) -> None:
    settings.URL_IMPORT = True

    def fetch(url: str, config: object, into: Path) -> Fetched:
        into.write_text("Forty litres.")
        target = Target(scheme="https", host="example.org", port=443, path="/a.txt?k=s")
        return Fetched(
            target=target,
            address="93.184.216.34",
            name="a.txt",
            path=into,
            size_bytes=13,
        )

    monkeypatch.setattr(receiving, "fetch", fetch)
    page = f"/documents?collection={scene.collection.pk}"
    assert "by its web address" in alice.get(page).content.decode()
    address = f"/collections/{scene.collection.pk}/fetch"
    url = "https://example.org/a.txt?k=s"
    html = alice.post(address, {"url": url}, **HTMX).content.decode()
    assert 'data-outcome="created"' in html
    receipt = AuditEvent.objects.get(action="address.fetched")
    assert receipt.detail["url"] == "https://example.org/a.txt"
    assert receipt.detail["address"] == "93.184.216.34"
    assert AuditEvent.objects.filter(action="document.added").exists()
    sent = alice.post(address, {"url": url}, follow=True).content.decode()
    assert "a.txt: is there already" in sent


def test_an_address_that_is_refused_says_why_and_is_on_record(
    alice: Client, scene: Scene, settings
) -> None:
    settings.URL_IMPORT = True
    address = f"/collections/{scene.collection.pk}/fetch"
    html = alice.post(address, {"url": "http://127.0.0.1:80/"}, **HTMX).content.decode()
    assert 'data-outcome="refused"' in html
    assert "does not lead to a public site" in html
    assert AuditEvent.objects.filter(action="address.refused").count() == 1
    with pytest.raises(AddressRefused):
        receiving.fetched_from(
            factories.asker(factories.alice()), scene.collection.pk, "x", lambda _: None
        )


def test_many_are_cancelled_and_retried_at_once(alice: Client, scene: Scene) -> None:
    more = factories.make_document(scene.collection, "more.txt", b"more")
    both = [str(scene.waiting.pk), str(more.pk)]
    sent = {"action": "cancel", "document": [*both, str(scene.document.pk)]}
    html = alice.post("/documents/bulk", sent, follow=True).content.decode()
    assert "2 of 3 cancelled" in html
    assert "is not being read" in html
    html = alice.post(
        "/documents/bulk", {"action": "retry", "document": both}, follow=True
    ).content.decode()
    assert "2 of 2 queued again" in html


def test_an_old_version_says_which_is_current(alice: Client, scene: Scene) -> None:
    send(alice, scene, file("Handbook.txt", "One."))
    document = Document.objects.get(name="Handbook.txt")
    old = document.versions.get()
    old.pages.create(number=1, start=0, text="Version one says 12.")
    token = tokens_of(send(alice, scene, file("Handbook.txt", "Two.")))
    choose(alice, scene, "replace", *token, **HTMX)
    new = document.versions.get(number=2)
    new.pages.create(number=1, start=0, text="Version two says 14.")
    Document.objects.filter(pk=document.pk).update(state="ready", current_version=new)
    cited = alice.get(f"/documents/{document.pk}?version={old.pk}&page=1&start=0&end=7")
    html = cited.content.decode()
    assert "This is version 1; version 2 is current." in html
    assert '<mark id="passage">Version</mark> one says 12.' in html
    assert f'href="?version={new.pk}"' in html
    current = alice.get(f"/documents/{document.pk}").content.decode()
    assert "Version two says 14." in current
    assert "is current." not in current
    assert f'href="?version={old.pk}"' in current


def test_a_choice_that_failed_for_now_can_be_made_again(
    alice: Client, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(alice, scene, file("Handbook.txt", "One."))
    [token] = tokens_of(send(alice, scene, file("Handbook.txt", "Two.")))

    def full(*_: object, **__: object) -> None:
        raise DiskFull

    with monkeypatch.context() as patched:
        patched.setattr("ingestion.receiving.accept_upload", full)
        html = choose(alice, scene, "replace", token, **HTMX).content.decode()
    assert "too little disk space" in html
    [again] = tokens_of(html)
    assert (
        "Version 2" in choose(alice, scene, "replace", again, **HTMX).content.decode()
    )
    assert held_files() == []
