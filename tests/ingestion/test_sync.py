"""A folder on the server and the documents that came from it."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ingestion import filing, syncing
from ingestion.folders import place_of
from ingestion.models import Collection, Document, TreeFile
from rag_site.models import AuditEvent
from tests import samples
from tests.factories import alice, make_collection, make_document

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "handbook"
    (root / "leave").mkdir(parents=True)
    (root / "travel").mkdir()
    (root / "leave" / "README.txt").write_text("Leave is 27 days.")
    (root / "travel" / "README.txt").write_text("Hotels cost 140 euros.")
    (root / "index.md").write_text("# Handbook\n\nRead it.")
    (root / ".git").mkdir()
    (root / ".git" / "config.txt").write_text("hidden")
    return root


@pytest.fixture
def run(capsys, tree):
    """Ingest the tree: run("--sync") -> (exit status, report, standard error)."""
    alice()

    def ingest(*options: object, path: Path = tree) -> tuple[int, dict, str]:
        status = 0
        try:
            call_command(
                "ingest", str(path), "--collection=demo", "--owner=alice", "--json",
                *map(str, options),
            )  # fmt: skip
        except SystemExit as exc:
            status = int(exc.code or 0)
        out, err = capsys.readouterr()
        return status, json.loads(out), err

    return ingest


def paths() -> set[str]:
    return {document.path for document in Document.objects.all()}


def test_names_in_folders_are_different_documents(run) -> None:
    _, report, _ = run()
    assert paths() == {"index.md", "leave/README.txt", "travel/README.txt"}
    assert {row["path"] for row in report["documents"]} == paths()
    assert [row["name"] for row in report["documents"]].count("README.txt") == 2


def test_unchanged_files_cost_one_hash_and_write_nothing(run, monkeypatch) -> None:
    run()
    events = AuditEvent.objects.count()
    hashed: list[Path] = []
    digest_of = syncing.digest_of
    monkeypatch.setattr(
        syncing, "digest_of", lambda path: hashed.append(path) or digest_of(path)
    )
    monkeypatch.setattr(syncing, "accept_upload", None)
    monkeypatch.setattr(syncing, "accept_version", None)
    _, report, _ = run("--sync")
    assert report["changes"] == {"unchanged": 3}
    assert len(hashed) == 3
    assert AuditEvent.objects.count() == events


def test_a_changed_file_is_a_new_version_and_a_vanished_one_goes(run, tree) -> None:
    run()
    (tree / "index.md").write_text("# Handbook\n\nRead it twice.")
    (tree / "leave" / "README.txt").unlink()
    (tree / "new.txt").write_text("Brand new.")
    _, report, _ = run()
    assert report["changes"] == {"added": 1, "changed": 1, "unchanged": 1}
    assert "leave/README.txt" in paths()
    _, report, _ = run("--sync")
    assert report["changes"] == {"removed": 1, "unchanged": 3}
    assert report["removed"] == ["leave/README.txt"]
    assert paths() == {"index.md", "new.txt", "travel/README.txt"}
    assert Document.objects.get(name="index.md").versions.count() == 2
    assert AuditEvent.objects.filter(action="document.deleted").count() == 1


def test_a_dry_run_says_it_all_and_does_nothing(run, tree) -> None:
    run()
    (tree / "index.md").write_text("# Other")
    (tree / "leave" / "README.txt").unlink()
    (tree / "new.txt").write_text("Brand new.")
    before = paths(), TreeFile.objects.count(), AuditEvent.objects.count()
    _, report, _ = run("--sync", "--dry-run")
    assert report["changes"] == {
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 1,
    }
    assert (paths(), TreeFile.objects.count(), AuditEvent.objects.count()) == before
    assert Document.objects.get(name="index.md").versions.count() == 1


def test_a_person_reads_what_changed_and_what_would(tree, capsys) -> None:
    alice()
    arguments = ["ingest", str(tree), "--collection=demo", "--owner=alice"]
    call_command(*arguments)
    (tree / "leave" / "README.txt").unlink()
    (tree / "new.txt").write_text("Brand new.")
    capsys.readouterr()
    call_command(*arguments, "--sync", "--dry-run")
    foreseen = capsys.readouterr().out.splitlines()
    assert foreseen[0] == "This would be done:"
    call_command(*arguments, "--sync")
    done = capsys.readouterr().out.splitlines()
    for lines in (foreseen, done):
        assert "removed    leave/README.txt" in lines
        assert any(line.endswith("new.txt  0 pages, 0 chunks") for line in lines)
        assert "1 added, 1 removed, 2 unchanged" in lines


def test_only_what_came_from_the_tree_is_removed(run, tree) -> None:
    own = make_collection(alice(), "demo")
    other = make_document(own, "by hand.txt", b"Added in the browser.")
    same = make_document(own, "copy.txt", b"Leave is 27 days.")
    run()
    assert Document.objects.count() == 4  # the copy stands for leave/README.txt
    for file in ("leave/README.txt", "travel/README.txt"):
        (tree / file).unlink()
    _, report, _ = run("--sync")
    assert report["removed"] == ["travel/README.txt"]
    assert {other.pk, same.pk} < set(Document.objects.values_list("pk", flat=True))


def test_another_tree_of_the_collection_is_left_alone(run, tree, tmp_path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "two.txt").write_text("The second tree.")
    run()
    run(path=second)
    _, report, _ = run("--sync")
    assert report["removed"] == []
    assert "two.txt" in paths()


def test_a_file_that_moved_keeps_its_document(run, tree) -> None:
    run()
    pk = Document.objects.get(folder="leave").pk
    (tree / "leave" / "README.txt").rename(tree / "Leave.txt")
    _, report, _ = run("--sync")
    assert report["changes"] == {"moved": 1, "unchanged": 3}
    assert Document.objects.get(pk=pk).path == "Leave.txt"
    (tree / "Leave.txt").unlink()
    assert run("--sync")[1]["removed"] == ["Leave.txt"]


def test_two_files_of_the_same_bytes_part_when_one_changes(run, tree) -> None:
    (tree / "copy.txt").write_text("Leave is 27 days.")
    run()
    assert Document.objects.count() == 3
    (tree / "copy.txt").write_text("Leave is 30 days.")
    run("--sync")
    assert Document.objects.count() == 4
    assert run("--sync")[1]["changes"] == {"unchanged": 4}


@pytest.mark.parametrize("options", [[], ["--wait"]])
def test_an_empty_tree_removes_nothing_unless_forced(run, tree, options) -> None:
    run()
    for file in tree.rglob("*.*"):
        if file.is_file():
            file.unlink()
    status, _, err = run("--sync")
    assert status == 1
    assert "is empty, but 3 files came from it" in err
    assert len(paths()) == 3
    status, report, _ = run("--sync", "--force", *options)
    assert (status, len(report["removed"]), paths()) == (0, 3, set())


def test_an_unreadable_folder_removes_nothing(run, tree, monkeypatch) -> None:
    run()
    (tree / "index.md").unlink()
    walk = os.walk

    def failing(root, onerror):
        onerror(PermissionError(13, "no", str(tree / "leave")))
        return walk(root)

    monkeypatch.setattr(syncing.os, "walk", failing)
    status, _, err = run("--sync")
    assert status == 1
    assert "could not be read, so nothing was removed" in err
    assert "index.md" in paths()


def test_a_file_that_can_no_longer_be_read_is_not_gone(run, tree) -> None:
    run()
    (tree / "index.md").write_text("")
    status, report, _ = run("--sync")
    assert status == 1
    assert report["changes"] == {"refused": 1, "unchanged": 2}
    assert "index.md" in paths()


def test_a_file_that_is_being_written_to_waits_for_the_next_time(
    run, tree, monkeypatch
) -> None:
    index, check_room = tree / "index.md", filing.check_room

    def write_first(size: int) -> None:
        index.write_text("# Handbook\n\nRead it twice.")
        check_room(size)

    with monkeypatch.context() as patch:
        patch.setattr(filing, "check_room", write_first)
        _, report, _ = run("--sync")
    assert "changed while it was read" in json.dumps(report)
    assert paths() == {"leave/README.txt", "travel/README.txt"}
    run("--sync")
    digest = Document.objects.get(name="index.md").versions.get().digest
    assert digest == hashlib.sha256(index.read_bytes()).hexdigest()


def test_an_archive_in_the_tree_is_a_folder_of_its_name(run, tree) -> None:
    parts = {"a/one.txt": "One.", "two.txt": "Two.", "bad.exe": b"MZ" + bytes(99)}
    (tree / "old.zip").write_bytes(samples.zip_bytes(parts))
    status, report, _ = run("--sync", "--unpack")
    assert status == 1
    assert {"old.zip/a/one.txt", "old.zip/two.txt"} < paths()
    errors = {row["path"]: row["error"] for row in report["documents"] if row["error"]}
    assert set(errors) == {"old.zip/bad.exe"}
    assert run("--sync", "--unpack")[1]["changes"] == {"refused": 1, "unchanged": 5}
    (tree / "old.zip").write_bytes(b"no archive any more")
    status, _, err = run("--sync", "--unpack")
    assert status == 1
    assert "could not be read" in err
    assert "old.zip/two.txt" in paths()
    (tree / "old.zip").unlink()
    assert len(run("--sync", "--unpack")[1]["removed"]) == 2


def test_a_failed_file_is_tried_again_and_a_cancelled_one_is_not(run) -> None:
    run()
    Document.objects.filter(folder="leave").update(state="failed")
    Document.objects.filter(folder="travel").update(state="cancelled")
    run("--sync")
    states = Counter(Document.objects.values_list("state", flat=True))
    assert states == {"queued": 2, "cancelled": 1}


@pytest.mark.parametrize(
    "arguments",
    [["--force"], ["--sync"]],
)
def test_options_that_make_no_sense(tree, arguments) -> None:
    file = str(tree / "index.md")
    with pytest.raises(CommandError) as caught:
        call_command("ingest", file, "--collection=demo", *arguments)
    assert caught.value.returncode == 2
    assert not Collection.objects.exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b/c.txt", "a/b/c.txt"),
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/x.txt", "abs/x.txt"),
        ("C:\\Users\\x.txt", "C:/Users/x.txt"),
        ("a//./b.txt", "a/b.txt"),
        ("", "untitled"),
        ("a/..", "a/untitled"),
        ("fold\u202eer/x\x00.txt", "folder/x.txt"),
        ("ä" * 400 + "/x.txt", "ä" * 127 + "/x.txt"),
    ],
)
def test_a_place_is_safe_to_store_and_to_show(path: str, expected: str) -> None:
    assert place_of(path).path == expected


def test_a_deep_place_keeps_its_end() -> None:
    place = place_of("/".join(["folder"] * 300) + "/x.txt")
    assert len(place.folder.encode()) <= 500
    assert place.path.endswith("folder/x.txt")
