"""The contract of `manage.py ingest` and `manage.py text`."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from ingestion import pipeline
from ingestion.management.commands import ingest as command
from ingestion.models import Collection, Document
from rag_site.models import User
from tests.factories import (
    alice,
    bob,
    make_collection,
    make_ready_document,
    make_user,
)
from tests.fakes import HashEmbedder, word_tokenizer


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("The pump holds 40 litres.")
    (tmp_path / "sub" / "b.md").write_text("# Tank\n\nThe tank holds 90 litres.")
    (tmp_path / ".hidden.txt").write_text("Not for you.")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text("  \n ")
    return tmp_path


@pytest.fixture
def fake_embedder(monkeypatch):
    monkeypatch.setattr(pipeline, "start_embedder", HashEmbedder)
    monkeypatch.setattr(pipeline, "tokenizer_for", lambda name: word_tokenizer())
    monkeypatch.setattr(command, "start_embedder", HashEmbedder)


def run(capsys, *args: object) -> tuple[int, dict]:
    status = 0
    try:
        call_command("ingest", *map(str, args), "--json")
    except SystemExit as exc:
        status = exc.code
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.django_db(transaction=True)
def test_files_are_read_until_ready_or_failed(folder, fake_embedder, capsys):
    admin = make_user("admin", is_superuser=True)
    status, report = run(capsys, folder, "--collection", "demo", "--wait")
    rows = {row["name"]: row for row in report["documents"]}
    assert status == 1
    assert set(rows) == {"a.txt", "b.md", "empty.txt", "blank.txt"}
    assert (report["ready"], report["failed"]) == (2, 2)
    assert report["seconds"] >= 0
    assert rows["b.md"]["status"] == "ready"
    assert (rows["b.md"]["pages"], rows["b.md"]["chunks"]) == (1, 1)
    assert rows["b.md"]["error"] is None
    assert rows["empty.txt"]["id"] is None
    assert "empty" in rows["empty.txt"]["error"]
    assert "No text" in rows["blank.txt"]["error"]
    collection = Collection.objects.get()
    assert (collection.name, collection.owner) == ("demo", admin)
    again = run(capsys, folder / "a.txt", "--collection", "demo", "--wait")
    assert (again[0], again[1]["ready"]) == (0, 1)
    assert Document.objects.count() == 3


@pytest.mark.django_db
def test_without_wait_files_are_queued(folder, capsys):
    status, report = run(capsys, folder / "a.txt", "--collection", "demo")
    assert status == 0
    assert report["documents"][0]["status"] == "queued"
    assert (report["ready"], report["failed"]) == (0, 0)
    operator = User.objects.get(username="operator")
    assert not operator.has_usable_password()
    assert Collection.objects.get().owner == operator


@pytest.mark.django_db
def test_the_owner_can_be_named(folder, capsys):
    shared = make_collection(alice(), "demo", shared_with=bob(), role="writer")
    run(capsys, folder / "a.txt", "--collection", "demo", "--owner", "bob")
    assert shared.documents.get().added_by == bob()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-file", "--collection", "demo"],
        [".", "--collection=x", "--owner=nobody"],
    ],
)
def test_bad_arguments_have_status_2(arguments):
    with pytest.raises(CommandError) as caught:
        call_command("ingest", *arguments)
    assert caught.value.returncode == 2


@pytest.mark.django_db
def test_text_is_one_line_of_json_a_page(capsys):
    collection = make_collection(name="demo")
    make_ready_document(collection, "b.txt", ["Première page.", "Second."])
    make_ready_document(collection, "a.txt", ["Alone."])
    call_command("text", "--collection", "demo")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"document": "a.txt", "page": 1, "text": "Alone."},
        {"document": "b.txt", "page": 1, "text": "Première page."},
        {"document": "b.txt", "page": 2, "text": "Second."},
    ]
    call_command("text", "b.txt", "--collection", "demo")
    assert len(capsys.readouterr().out.splitlines()) == 2
    with pytest.raises(CommandError, match=r"no document named 'c\.txt'") as raised:
        call_command("text", "c.txt", "--collection", "demo")
    assert raised.value.returncode == 2
    with pytest.raises(CommandError, match="no collection") as raised:
        call_command("text", "--collection", "other")
    assert raised.value.returncode == 2
