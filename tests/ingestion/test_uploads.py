"""What a file is said to be before anything reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ingestion.errors import (
    EmptyFile,
    FileTooLarge,
    UnsupportedType,
    WrongExtension,
)
from ingestion.parsing import PARSERS
from ingestion.uploads import SUPPORTED, Inspected, clean_name, inspect_upload
from tests import samples

_LIMIT = 10_000_000


def _inspected(
    folder: Path, name: str, data: bytes, *, limit: int = _LIMIT
) -> Inspected:
    path = folder / "upload"
    path.write_bytes(data)
    return inspect_upload(path, name, max_bytes=limit)


_GOOD = {
    "a.pdf": samples.pdf_bytes(["text"]),
    "a.docx": samples.docx_bytes(["text"]),
    "a.pptx": samples.pptx_bytes([("title", "body")]),
    "a.xlsx": samples.xlsx_bytes({"Sheet": [[1]]}),
    "a.odt": samples.odt_bytes(["text"]),
    "a.epub": samples.epub_bytes(["<p>text</p>"]),
    "a.rtf": samples.rtf_bytes("text"),
    "a.html": samples.html_bytes("title", "<p>text</p>"),
    "a.HTM": samples.html_bytes("title", "<p>text</p>"),
    "a.md": samples.md_bytes("# text"),
    "a.txt": samples.txt_bytes("text"),
    "a.csv": samples.csv_bytes([["a", "b"], [1, 2]]),
    "a.json": samples.json_bytes({"a": 1}),
    "a.eml": samples.eml_bytes("subject", "body"),
    "a.xml": b"<notes><note>text</note></notes>",
    "a.xhtml": samples.html_bytes("title", "<p>text</p>"),
    "a.zip": samples.zip_bytes(
        {"word/a.txt": "text", "b.pdf": samples.pdf_bytes(["b"])}
    ),
    "b.zip": samples.zip_bytes({"b.pdf": samples.pdf_bytes(["b"])}),
    "empty.zip": samples.zip_bytes({}),
    "a.png": samples.png_bytes(),
}


@pytest.mark.parametrize("name", _GOOD)
def test_good_files_get_the_type_of_their_extension(name: str, tmp_path: Path) -> None:
    found = _inspected(tmp_path, name, _GOOD[name])

    assert found.media_type == SUPPORTED[Path(name).suffix.lower()]
    assert found.size_bytes == len(_GOOD[name])
    assert found.digest == hashlib.sha256(_GOOD[name]).hexdigest()
    assert found.name == name


def test_each_supported_type_has_a_parser() -> None:
    assert set(SUPPORTED.values()) == set(PARSERS)


def test_a_file_without_extension_is_judged_by_its_content(tmp_path: Path) -> None:
    found = _inspected(tmp_path, "report", samples.pdf_bytes(["text"]))

    assert found.media_type == "application/pdf"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyFile):
        _inspected(tmp_path, "a.txt", b"")


def test_a_large_file_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge) as caught:
        _inspected(tmp_path, "a.txt", b"x" * (30 << 20), limit=20 << 20)

    assert "30 MB" in caught.value.message
    assert "20 MB" in caught.value.message


@pytest.mark.parametrize(
    ("name", "data", "described"),
    [
        ("a.docx", samples.program_bytes(), "a program"),
        ("a.docx", samples.pdf_bytes(["x"]), "a PDF"),
        ("a.pdf", samples.html_bytes("t", "<p>x</p>"), "a web page"),
        ("a.pdf", samples.docx_bytes(["x"]), "a Word document"),
        ("a.pdf", b"just words", "plain text"),
        ("a.csv", samples.xlsx_bytes({"S": [[1]]}), "an Excel workbook"),
        ("a.txt", samples.png_bytes(), "a PNG picture"),
        ("a.png", samples.pdf_bytes(["x"]), "a PDF"),
        ("a.zip", samples.docx_bytes(["x"]), "a Word document"),
        ("a.xlsx", samples.zip_bytes({"x": "y"}), "a ZIP archive"),
        ("a.txt", samples.pdf_bytes(["x"]), "a PDF"),
    ],
)
def test_a_wrong_extension_names_both(
    name: str, data: bytes, described: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongExtension) as caught:
        _inspected(tmp_path, name, data)

    assert Path(name).suffix in caught.value.message
    assert described in caught.value.message


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("old.doc", ".docx"),
        ("old.xls", ".xlsx"),
        ("old.ppt", ".pptx"),
        ("photo.heic", "PNG or JPEG"),
        ("all.7z", ".zip"),
        ("tool.exe", "can be added"),
        ("data.xyz", "can be added"),
        ("nothing", "can be added"),
    ],
)
def test_other_types_are_refused_with_advice(
    name: str, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedType) as caught:
        _inspected(tmp_path, name, samples.program_bytes())

    assert advice in caught.value.message
    assert "pdf" in caught.value.message


def test_a_damaged_office_file_is_left_to_its_parser(tmp_path: Path) -> None:
    found = _inspected(tmp_path, "a.docx", samples.truncated_docx_bytes())

    assert found.media_type == SUPPORTED[".docx"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\report.pdf", "report.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("tab\there\x00.txt", "tabhere.txt"),
        ("  .hidden  ", "hidden"),
        ("...", "untitled"),
        ("", "untitled"),
        ("lone \ud800 half.txt", "lone ? half.txt"),
        ("quotes ' \" ; --.txt", "quotes ' \" ; --.txt"),
    ],
)
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_long_names_keep_their_extension_within_255_bytes() -> None:
    name = clean_name("ü" * 4000 + ".pdf")

    assert len(name.encode()) <= 255
    assert name.endswith("ü.pdf")
