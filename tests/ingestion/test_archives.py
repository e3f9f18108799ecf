"""Archives: what is in them comes out, one file at a time, and nothing else."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from ingestion import archiving
from ingestion.archiving import unpacked
from ingestion.errors import Corrupt, LimitExceeded, ParseFailed
from ingestion.types import ParseLimits
from ingestion.unpacking import Member, members
from tests import samples

_LIMITS = ParseLimits()


def _unpacked(
    folder: Path, data: bytes, limits: ParseLimits = _LIMITS
) -> list[tuple[str, bytes | str]]:
    """Name and content of each member, or the problem with it."""
    path, target = folder / "stored", folder / "unpacked"
    path.write_bytes(data)
    target.mkdir()
    found: list[tuple[str, bytes | str]] = []
    for member in members(path, limits, target):
        assert member.path.parent == target
        assert len(list(target.iterdir())) <= 2
        found.append((member.name, member.problem or member.path.read_bytes()))
    assert list(target.iterdir()) == []
    return found


def test_files_come_out_with_their_folders(tmp_path: Path) -> None:
    data = samples.zip_bytes(
        {
            "a.txt": "one",
            "reports/2024/b.md": "two",
            "reports/": "",
            "__MACOSX/reports/._b.md": "junk",
            ".DS_Store": "junk",
        }
    )

    assert _unpacked(tmp_path, data) == [
        ("a.txt", b"one"),
        ("reports/2024/b.md", b"two"),
    ]


def test_archives_in_archives_are_read_two_levels_deep(tmp_path: Path) -> None:
    third = samples.zip_bytes({"deep.txt": "three"})
    second = samples.zip_bytes({"b.txt": "two", "third.zip": third})
    data = samples.zip_bytes({"a.txt": "one", "second.ZIP": second})

    names = _unpacked(tmp_path, data)

    assert names[:2] == [("a.txt", b"one"), ("second.ZIP/b.txt", b"two")]
    assert names[2][0] == "second.ZIP/third.zip"
    assert "too deep" in str(names[2][1])


def test_names_that_leave_the_folder_and_links_are_reported(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../evil.txt", "x")
        archive.writestr("/etc/evil.txt", "x")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.txt", "kept")

    found = dict(_unpacked(tmp_path, out.getvalue()))

    assert found["good.txt"] == b"kept"
    assert "link" in str(found["link.txt"])
    assert [str(v) for v in found.values()].count(
        "Its name points outside the archive."
    ) == 2
    assert not any(name.startswith(("/", "..")) for name in found)


def test_a_password_on_one_file_leaves_the_others(tmp_path: Path) -> None:
    data = bytearray(samples.zip_bytes({"locked.txt": "x", "open.txt": "y"}))
    # The flag stands 8 bytes into the directory's record and 6 into the file's own.
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[6] |= 1

    found = dict(_unpacked(tmp_path, bytes(data)))

    assert "password" in str(found["locked.txt"])
    assert found["open.txt"] == b"y"


def test_a_damaged_file_leaves_the_others(tmp_path: Path) -> None:
    data = bytearray(samples.zip_bytes({"a.txt": "text " * 100, "b.txt": "fine"}))
    data[40] ^= 0xFF

    found = dict(_unpacked(tmp_path, bytes(data)))

    assert "damaged" in str(found["a.txt"])
    assert found["b.txt"] == b"fine"


def test_names_without_a_declared_charset_are_read_as_utf_8(tmp_path: Path) -> None:
    data = samples.zip_bytes({"Pruefung.txt": "x"})
    data = data.replace(b"Pruefung", "Prüfung".encode())

    assert _unpacked(tmp_path, data) == [("Prüfung.txt", b"x")]


def _overlapping() -> bytes:
    """Two entries of the directory name the same bytes."""
    whole = samples.zip_bytes({"a.txt": "text " * 50, "b.txt": "text " * 50})
    second = whole.index(b"PK\x01\x02", whole.index(b"PK\x01\x02") + 1)
    data = bytearray(whole)
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "limits", "kind"),
    [
        (b"no archive", _LIMITS, Corrupt),
        (_overlapping(), _LIMITS, Corrupt),
        (
            samples.zip_bytes({"a": "", "b.txt": b"0" * 5_000_000}),
            _LIMITS,
            LimitExceeded,
        ),
        (
            samples.zip_bytes({f"{i}.txt": "x" for i in range(11)}),
            ParseLimits(max_entries=10),
            LimitExceeded,
        ),
        (
            samples.zip_bytes({f"{i}.txt": bytes(range(256)) for i in range(8)}),
            ParseLimits(max_unpacked_bytes=2000),
            LimitExceeded,
        ),
        (
            samples.zip_bytes(
                {f"{i}.zip": samples.zip_bytes({"a": "x" * 900}) for i in range(9)}
            ),
            ParseLimits(max_unpacked_bytes=4000),
            LimitExceeded,
        ),
    ],
)
def test_bombs_and_lies_are_refused(
    data: bytes, limits: ParseLimits, kind: type[ParseFailed], tmp_path: Path
) -> None:
    with pytest.raises(kind):
        _unpacked(tmp_path, data, limits)


def test_one_large_file_is_reported_with_the_limit(tmp_path: Path) -> None:
    data = samples.zip_bytes({"large.txt": bytes(range(256)) * 8000, "small.txt": "x"})

    found = dict(_unpacked(tmp_path, data, ParseLimits(max_entry_bytes=1_000_000)))

    assert found["large.txt"] == "It unpacks to 2 MB; the limit is 1 MB."
    assert found["small.txt"] == b"x"


def test_a_file_may_be_moved_away(tmp_path: Path) -> None:
    path, target = tmp_path / "stored", tmp_path / "unpacked"
    path.write_bytes(samples.zip_bytes({"a.txt": "one", "b.txt": "two"}))
    target.mkdir()

    kept: list[Member] = []
    for number, member in enumerate(members(path, _LIMITS, target)):
        member.path.rename(tmp_path / str(number))
        kept.append(member)

    assert (tmp_path / "1").read_text() == "two"
    assert [member.name for member in kept] == ["a.txt", "b.txt"]


def test_unpacking_is_the_work_of_a_confined_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stored"
    path.write_bytes(
        samples.zip_bytes({"a.txt": "one", "b/c.txt": "two", "../d.txt": "out"})
    )
    # Nothing of the archive is looked at here: this process could not even open it.
    monkeypatch.setattr(zipfile, "ZipFile", None)

    found, paths = [], []
    for member in unpacked(path):
        assert not any(earlier.exists() for earlier in paths)
        content = member.path.exists() and member.path.read_bytes()
        found.append((member.name, content))
        paths.append(member.path)

    assert found == [("a.txt", b"one"), ("b/c.txt", b"two"), ("d.txt", False)]
    assert not paths[0].parent.exists()


def test_an_archive_that_takes_too_long_is_refused_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stored"
    path.write_bytes(samples.zip_bytes({"a.txt": "one"}))
    monkeypatch.setattr(archiving, "_LIMITS", ParseLimits(wall_s=-1))

    with pytest.raises(LimitExceeded, match="took longer"):
        list(unpacked(path))
