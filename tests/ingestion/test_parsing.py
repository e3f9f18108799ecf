"""What each parser keeps: text, order, headings, tables, notes, pages."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import Encrypted, LimitExceeded, ParseFailed
from ingestion.parsing import parse
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import cleaned, flowing
from ingestion.parsing.decoding import decoded
from ingestion.parsing.pieces import PART_CHARS, in_parts, piece
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import BlockKind, PageText, Parsed, ParseLimits
from ingestion.uploads import SUPPORTED
from tests import samples

# Other work on the machine must not fail a property.
_FEWER = settings(max_examples=50)


def _parsed(folder: Path, name: str, data: bytes) -> Parsed:
    path = folder / "stored"
    path.write_bytes(data)
    return parse(Source(path=path, name=name), SUPPORTED[Path(name).suffix])


def _blocks(page: PageText) -> list[tuple[BlockKind, str]]:
    return [(b.kind, page.text[b.start : b.end]) for b in page.blocks]


# --- PDF -------------------------------------------------------------------


def test_pdf_pages_hold_headings_and_joined_paragraphs(tmp_path: Path) -> None:
    long = "A sentence that goes on and on until the line is full, and then some. " * 3
    data = samples.pdf_bytes([f"# Findings\n{long.strip()}", "Page two."])

    parsed = _parsed(tmp_path, "a.pdf", data)

    assert parsed.title == "Findings"
    assert _blocks(parsed.pages[0]) == [
        ("heading", "Findings"),
        ("paragraph", long.strip()),
    ]
    assert parsed.pages[1].text == "Page two."
    assert (parsed.pages[0].width, parsed.pages[0].height) == (612, 792)
    left, top, right, bottom = parsed.pages[0].blocks[0].box or (0, 0, 0, 0)
    assert 70 < left < right < 612
    assert 30 < top < bottom < 80


def test_pdf_columns_drawn_across_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [f"left column line number {i} runs here" for i in range(8)]
    right = [f"right column line number {i} runs here" for i in range(8)]

    parsed = _parsed(tmp_path, "a.pdf", samples.two_column_pdf_bytes(left, right))

    words = parsed.pages[0].text.replace("\n", " ")
    assert words.index("left column line number 7") < words.index("right column line")


def test_pdf_tables_become_rows(tmp_path: Path) -> None:
    left = ["Item", "Apples", "Pears", "Plums"]
    right = ["Price", "1.20", "2.40", "3.60"]

    parsed = _parsed(tmp_path, "a.pdf", samples.two_column_pdf_bytes(left, right))

    assert _blocks(parsed.pages[0]) == [
        ("table", "Item | Price\nApples | 1.20\nPears | 2.40\nPlums | 3.60")
    ]


def test_pdf_words_parted_at_line_ends_are_mended(tmp_path: Path) -> None:
    data = samples.pdf_bytes(
        [
            "The long-term plan was written down by the whole commit-\ntee in a long-\nterm way."
        ]
    )

    text = _parsed(tmp_path, "a.pdf", data).pages[0].text

    assert "committee" in text
    assert "long-term way" in text


def test_pdf_running_heads_appear_once(tmp_path: Path) -> None:
    pages = [
        f"Annual report, page {i}\n\n\n\n\n\n\nText of page {i}." for i in range(1, 8)
    ]

    parsed = _parsed(tmp_path, "a.pdf", samples.pdf_bytes(pages))

    assert [page.text.count("Annual report") for page in parsed.pages] == [1] + [0] * 6
    assert parsed.pages[0].blocks[0].kind == "header"


def test_pdf_pages_without_text_are_named(tmp_path: Path) -> None:
    parsed = _parsed(tmp_path, "a.pdf", samples.pdf_bytes(["One", "", "Three"]))

    assert len(parsed.pages) == 3
    assert "page 2" in parsed.notices[0]
    assert "text recognition" in parsed.notices[0]


# --- Office ----------------------------------------------------------------


def test_docx_keeps_headings_lists_tables_and_pages(tmp_path: Path) -> None:
    data = samples.docx_bytes(
        ["# Manual", "Intro.", "- first", "- second", "\f", "## Setup", "Next page."],
        table=[["Name", "Size"], ["a", "1"], ["b", "2"]],
    )

    parsed = _parsed(tmp_path, "a.docx", data)

    assert parsed.title == "Manual"
    assert _blocks(parsed.pages[0]) == [
        ("heading", "Manual"),
        ("paragraph", "Intro."),
        ("list", "- first"),
        ("list", "- second"),
    ]
    assert _blocks(parsed.pages[1]) == [
        ("heading", "Setup"),
        ("paragraph", "Next page."),
        ("table", "Name | Size\na | 1\nb | 2"),
    ]
    assert [b.level for b in parsed.pages[1].blocks] == [2, 0, 0]


def test_docx_shows_the_text_after_tracked_changes(tmp_path: Path) -> None:
    ns = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    data = samples.raw_docx_bytes(
        f'<w:document xmlns:w="{ns}"><w:body><w:p><w:r><w:t xml:space="preserve">'
        "The price is </w:t></w:r><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p></w:body></w:document>"
    )

    assert _parsed(tmp_path, "a.docx", data).pages[0].text == "The price is new"


def test_pptx_has_a_page_a_slide_with_its_notes(tmp_path: Path) -> None:
    data = samples.pptx_bytes(
        [("Plan", "Build\nTest"), ("Result", "It works")], notes="Say this aloud"
    )

    parsed = _parsed(tmp_path, "a.pptx", data)

    assert [page.label for page in parsed.pages] == ["Plan", "Result"]
    assert _blocks(parsed.pages[0]) == [
        ("heading", "Plan"),
        ("list", "- Build"),
        ("list", "- Test"),
        ("note", "Notes: Say this aloud"),
    ]


def test_xlsx_has_a_page_a_sheet_and_a_block_a_table(tmp_path: Path) -> None:
    rows = [["Title of it"], ["Team", "Cups"], ["Flyers", 2], [], ["Other", 7.0]]
    data = samples.xlsx_bytes({"Results": rows, "Sheet2": [[True, None, 0.1]]})

    parsed = _parsed(tmp_path, "a.xlsx", data)

    assert [page.label for page in parsed.pages] == ["Results", "Sheet2"]
    assert _blocks(parsed.pages[0]) == [
        ("heading", "Results"),
        ("heading", "Title of it"),
        ("table", "Team | Cups\nFlyers | 2"),
        ("table", "Other | 7"),
    ]
    assert parsed.pages[1].text == "TRUE\n\n0.1"


def test_odt_and_epub_keep_headings(tmp_path: Path) -> None:
    odt = _parsed(tmp_path, "a.odt", samples.odt_bytes(["# Head", "Body."]))
    book = _parsed(
        tmp_path, "a.epub", samples.epub_bytes(["<h1>One</h1><p>x</p>", "<p>y</p>"])
    )

    assert _blocks(odt.pages[0]) == [("heading", "Head"), ("paragraph", "Body.")]
    assert book.title == "A small book"
    assert [page.text for page in book.pages] == ["One\n\nx", "y"]


# --- Text ------------------------------------------------------------------


def test_html_keeps_what_a_reader_sees(tmp_path: Path) -> None:
    body = (
        "<h2>Head</h2><p>Some <b>bold</b>\n text.</p><script>bad()</script>"
        "<p hidden>unseen</p><div style='display: none'>unseen</div>"
        "<ol><li>one<ul><li>deep</li></ul></li><li>two</li></ol>"
        "<pre>a\n  b</pre><img alt='A cat'>"
        "<table><tr><th>K</th><th>V</th></tr><tr><td>x</td><td>1</td></tr></table>"
    )

    parsed = _parsed(tmp_path, "a.html", samples.html_bytes("A page", body))

    assert parsed.title == "A page"
    assert _blocks(parsed.pages[0]) == [
        ("heading", "Head"),
        ("paragraph", "Some bold text."),
        ("list", "1. one"),
        ("list", "  - deep"),
        ("list", "2. two"),
        ("code", "a\n  b"),
        ("paragraph", "[Image: A cat]"),
        ("table", "K | V\nx | 1"),
    ]


def test_markdown_keeps_structure_without_its_marks(tmp_path: Path) -> None:
    text = (
        "---\nauthor: Ann\n---\n# Head\n\nSee [the *guide*](http://x.org).\n\n"
        "- [x] done\n- [ ] open\n\n```\ncode  here\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )

    parsed = _parsed(tmp_path, "a.md", samples.md_bytes(text))

    assert _blocks(parsed.pages[0]) == [
        ("note", "author: Ann"),
        ("heading", "Head"),
        ("paragraph", "See the guide."),
        ("list", "- [x] done"),
        ("list", "- [ ] open"),
        ("code", "code  here"),
        ("table", "a | b\n1 | 2"),
    ]


def test_plain_text_joins_lines_that_were_wrapped_by_hand(tmp_path: Path) -> None:
    wrapped = "\n".join(["a line of text that was wrapped at a column by hand"] * 3)
    data = samples.txt_bytes(f"{wrapped}\n\n- item\n- other\n\nRoses\nare red")

    parsed = _parsed(tmp_path, "a.txt", data)

    assert _blocks(parsed.pages[0]) == [
        ("paragraph", wrapped.replace("\n", " ")),
        ("list", "- item\n- other"),
        ("paragraph", "Roses\nare red"),
    ]


def test_long_texts_are_cut_into_parts(tmp_path: Path) -> None:
    paragraph = "Words and more words. " * 100
    data = samples.txt_bytes("\n\n".join([paragraph] * 100))

    parsed = _parsed(tmp_path, "a.txt", data)

    assert len(parsed.pages) > 3
    assert all(len(page.text) <= PART_CHARS * 1.1 for page in parsed.pages)
    assert [page.number for page in parsed.pages] == list(
        range(1, len(parsed.pages) + 1)
    )
    assert sum(page.text.count("Words") for page in parsed.pages) == 10_000


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_with_any_delimiter(delimiter: str, tmp_path: Path) -> None:
    data = samples.csv_bytes(
        [["name", "n"], ["a, b" if delimiter == ";" else "a", 1]], delimiter=delimiter
    )

    text = _parsed(tmp_path, "a.csv", data).pages[0].text

    assert text.splitlines()[0] == "name | n"
    assert text.endswith("| 1")


def test_json_lines_carry_their_path(tmp_path: Path) -> None:
    value = {"site": {"name": "Plumb", "tags": ["x", "y"]}, "n": 3}

    text = _parsed(tmp_path, "a.json", samples.json_bytes(value)).pages[0].text

    assert text == "site › name: Plumb\nsite › tags: x\nsite › tags: y\n\nn: 3"


def test_mail_has_headers_body_and_attachments(tmp_path: Path) -> None:
    data = samples.eml_bytes(
        "Offer",
        "Dear Bob,\n\nplease find it attached.\n",
        attachments={
            "prices.csv": samples.csv_bytes([["a", "b"], [1, 2]]),
            "tool.exe": samples.program_bytes(),
        },
    )

    parsed = _parsed(tmp_path, "a.eml", data)

    assert parsed.title == "Offer"
    assert "From: Alice Example <alice@example.org>" in parsed.pages[0].text
    assert parsed.pages[1].label == "prices.csv"
    assert parsed.pages[1].text == "a | b\n1 | 2"
    assert any("tool.exe" in notice for notice in parsed.notices)


# --- Shared rules ----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("schön".encode(), "schön"),
        ("schön".encode("utf-8-sig"), "schön"),
        ("schön".encode("utf-16"), "schön"),
        ("schön".encode("latin-1"), "schön"),
        ("naïve café €5 – “quoted”".encode("cp1252"), "naïve café €5 – “quoted”"),
        (
            "名前,年齢,住所\n佐藤太郎,30,東京\n".encode("cp932"),
            "名前,年齢,住所\n佐藤太郎,30,東京\n",
        ),
    ],
)
def test_encodings_are_recognised(data: bytes, text: str) -> None:
    assert decoded(data) == text


def test_what_cannot_be_stored_is_dropped() -> None:
    assert cleaned("a\x00b\x0cc\ud800d\ufeffe\u00adf") == "ab\ncdef"
    assert flowing("of\ufb01ce   e\u0301t\u00a0é") == "office ét é"


@_FEWER
@given(st.text())
def test_cleaned_text_is_always_storable(text: str) -> None:
    clean = cleaned(text)

    assert "\x00" not in clean
    assert "\f" not in clean
    assert unicodedata.is_normalized("NFC", clean)
    clean.encode()


@_FEWER
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["heading", "paragraph", "list", "table", "code"]),
            st.text(),
        )
    )
)
def test_blocks_tile_the_page_in_order(parts: list[tuple[BlockKind, str]]) -> None:
    (page,) = in_parts([piece(kind, text) for kind, text in parts])

    at = 0
    for block in page.blocks:
        assert block.end > block.start >= at
        assert page.text[at : block.start].strip() == ""
        at = block.end
    assert at == len(page.text)


def test_a_short_table_stays_as_it_looks() -> None:
    rows = [["Team", "Cups", ""], ["Flyers", "2", ""], ["", "", ""]]

    assert table_text(rows) == "Team | Cups\nFlyers | 2"


def test_rows_of_a_long_table_carry_their_column_names() -> None:
    rows = [["Team", "Cups"]] + [[f"Team number {i}", str(i)] for i in range(200)]

    lines = table_text(rows).split("\n")

    assert lines[0] == "Team | Cups"
    assert lines[8] == "Team: Team number 7 | Cups: 7"


def test_a_long_table_of_numbers_has_no_names_to_repeat() -> None:
    rows = [["12.5", str(i)] for i in range(200)]

    assert table_text(rows).split("\n")[7] == "12.5 | 7"


def test_sizes_that_the_directory_hides_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(samples.zip_bytes({"small": "x", "big.xml": "y" * 50_000}))
    archive = Archive(
        path, ParseLimits(max_entry_bytes=60_000, max_unpacked_bytes=60_000)
    )

    archive.read("big.xml")
    with pytest.raises(LimitExceeded):
        archive.read("big.xml")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(samples.zip_bytes({f"part{i}": "x" for i in range(30)}))

    with pytest.raises(LimitExceeded, match="20 parts"):
        Archive(path, ParseLimits(max_entries=20))


def test_office_files_in_a_password_container_are_encrypted(tmp_path: Path) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)

    with pytest.raises(Encrypted):
        _parsed(tmp_path, "a.xlsx", data)


@_FEWER
@given(cut=st.integers(0, 3000), flipped=st.integers(0, 3000))
@pytest.mark.parametrize(
    "name", ["a.docx", "a.pptx", "a.xlsx", "a.epub", "a.eml", "a.msg"]
)
def test_damage_never_escapes_as_another_error(
    name: str, cut: int, flipped: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(_DAMAGED[name])
    data[flipped % len(data)] ^= 0x5A
    data = data[: len(data) - cut % len(data)]
    folder = tmp_path_factory.mktemp("damaged")

    try:
        parsed = _parsed(folder, name, bytes(data))
    except ParseFailed:
        return
    assert parsed.pages


_DAMAGED = {
    "a.docx": samples.docx_bytes(["# Head", "text"], table=[["a", "b"]]),
    "a.pptx": samples.pptx_bytes([("title", "body")]),
    "a.xlsx": samples.xlsx_bytes({"Sheet": [["a", 1], ["b", 2]]}),
    "a.epub": samples.epub_bytes(["<h1>One</h1>"]),
    "a.eml": samples.eml_bytes("s", "b", attachments={"a.txt": b"x"}),
    "a.msg": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000),
}
