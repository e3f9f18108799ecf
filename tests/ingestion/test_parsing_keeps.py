"""What a reader needs and libraries lose: merged cells, notes, mails in mails."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

from ingestion.errors import LimitExceeded, NoText
from ingestion.parsing import parse
from ingestion.parsing.source import Source
from ingestion.types import Parsed, ParseLimits
from ingestion.uploads import SUPPORTED
from tests import samples

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _parsed(folder: Path, name: str, data: bytes, **limits: int) -> Parsed:
    path = folder / "stored"
    path.write_bytes(data)
    source = Source(path=path, name=name, limits=ParseLimits(**limits))
    return parse(source, SUPPORTED[Path(name).suffix])


def _text(folder: Path, name: str, data: bytes) -> str:
    return "\n".join(page.text for page in _parsed(folder, name, data).pages)


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Region", "", "Sales", ""],
        ["North", "", 1, 0.125],
        ["", "", 3, 0.5],
        ["South", "", 5, 2],
    ):
        sheet.append(row)
    for cells in ("A1:B1", "C1:D1", "A2:B3"):
        sheet.merge_cells(cells)
    sheet["D2"].number_format = "0.0%"
    sheet["D3"].number_format = "0%"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_sheets_keep_merged_cells_and_percentages(tmp_path: Path) -> None:
    text = _text(tmp_path, "a.xlsx", _workbook())

    assert text == "Region | Sales\nNorth | 1 | 12.5%\nNorth | 3 | 50%\nSouth | 5 | 2"


def test_cells_that_reach_over_rows_are_said_in_each(tmp_path: Path) -> None:
    table = (
        "<table><tr><th>City</th><th>Year</th></tr><tr><td rowspan='2'>Bonn</td>"
        "<td>1990</td></tr><tr><td>1991</td></tr><tr><td>Ulm</td><td>1992</td></tr></table>"
    )

    text = _text(tmp_path, "a.html", samples.html_bytes("t", table))

    assert text.endswith("City | Year\nBonn | 1990\nBonn | 1991\nUlm | 1992")


def test_word_tables_and_hidden_words(tmp_path: Path) -> None:
    def cell(text: str, props: str = "") -> str:
        return (
            f"<w:tc><w:tcPr>{props}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
            "</w:tc>"
        )

    top = cell("A", '<w:vMerge w:val="restart"/>') + cell("1")
    rows = f"<w:tr>{top}</w:tr><w:tr>{cell('', '<w:vMerge/>')}{cell('2')}</w:tr>"
    hidden = "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>planted</w:t></w:r></w:p>"
    body = (
        f"<w:document {_W}><w:body><w:tbl>{rows}</w:tbl>{hidden}</w:body></w:document>"
    )

    assert _text(tmp_path, "a.docx", samples.raw_docx_bytes(body)) == "A | 1\nA | 2"


def test_rich_text_keeps_footnotes_where_they_are(tmp_path: Path) -> None:
    data = rb"{\rtf1 Paid{\super 1{\*\footnote \pard in {\b cash}\par}} at once.\par}"
    plain = rb"{\rtf1 Paid{\footnote in cash} at once.\par}"

    assert "[in cash ] at once" in _text(tmp_path, "a.rtf", data)
    assert "[in cash] at once" in _text(tmp_path, "a.rtf", plain)


@pytest.mark.parametrize(
    ("marked", "shown", "told"),
    [
        (r"10{\super 6} m{\super 2}", "10^6 m2", ""),
        (r"10\super -\b 6\nosupersub  on the 1{\super st}", "10^-6 on the 1st", ""),
        (r"10\par\super 6", "10\n\n6", ""),
        (r"caf\'e9{\super 1}", "café1", ""),
        (r"{\strike 500\'80 }700", "700", "1 passage struck out"),
        (r"\striked1 old \u8364?\striked0 new", "new", "1 passage struck out"),
        (r"{\deleted old }new", "new", ""),
        (r"{\v planted \{}seen\strike\plain .", "seen.", "1 passage marked as hidden"),
        (r"{\stylesheet{\s1\strike Gone;}}seen", "seen", ""),
    ],
)  # fmt: skip
def test_rich_text_reads_as_it_looks(
    tmp_path: Path, marked: str, shown: str, told: str
) -> None:
    data = rf"{{\rtf1\ansi {marked}\par}}".encode()

    parsed = _parsed(tmp_path, "a.rtf", data)

    assert parsed.pages[0].text == shown
    assert told in " ".join(parsed.notices) if told else not parsed.notices


_FORWARDED = b"""Subject: Outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=XX

--XX
Content-Type: text/plain

See below.
--XX
Content-Type: message/rfc822

Subject: Inner
MIME-Version: 1.0
Content-Type: text/plain; charset=koi8-r
Content-Transfer-Encoding: 8bit

\xf0\xf2\xe9\xf7\xe5\xf4
--XX--
"""


def _mail(*parts: tuple[str, str], kind: str = "mixed") -> bytes:
    lines = ["Subject: Parts", f'Content-Type: multipart/{kind}; boundary="XX"', ""]
    for type_, text in parts:
        lines += ["--XX", f"Content-Type: {type_}", "", text]
    return "\n".join([*lines, "--XX--", ""]).encode()


def test_every_text_part_of_a_mail_is_read(tmp_path: Path) -> None:
    text = "text/plain; charset=utf-8"
    data = _mail((text, "Before the picture."), (text, "After the picture."))
    page = _parsed(tmp_path, "a.eml", data).pages[0].text
    assert page.index("Before the picture.") < page.index("After the picture.")


@pytest.mark.parametrize(
    ("plain", "shown"), [("Plain words.", "Plain words."), (" ", "Marked words.")]
)
def test_of_alternatives_one_that_says_something_is_read(
    tmp_path: Path, plain: str, shown: str
) -> None:
    data = _mail(
        ("text/plain", plain), ("text/html", "<p>Marked words.</p>"), kind="alternative"
    )
    page = _parsed(tmp_path, "a.eml", data).pages[0].text
    assert page.splitlines()[-1] == shown
    assert page.count("words.") == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("sep=;\r\nname;n\r\na, b;1\r\n", "name | n\na, b | 1"),
        ('"sep=|"\nname|n\na;b;c|1\n', "name | n\na;b;c | 1"),
        ("sep=\t\nname\tn\na\t1\n", "name | n\na | 1"),
        (
            "Kontoauszug\n\n1. bis 31. Mai;;\nTag;Betrag;Zweck\n1.5.;12,50;Miete\n",
            "Kontoauszug\n\n1. bis 31. Mai\n\nTag | Betrag | Zweck\n1.5. | 12,50 | Miete",
        ),
        ("name\na\nb\n", "name\na\nb"),
        (
            'Name, Role, Age\n"Doe, John", "Head, Sales", 12\n"Roe, Ann", "Law", 30\n',
            "Name | Role | Age\nDoe, John | Head, Sales | 12\nRoe, Ann | Law | 30",
        ),
    ],
)
def test_delimited_tables_keep_their_columns(
    tmp_path: Path, data: str, text: str
) -> None:
    assert _text(tmp_path, "a.csv", data.encode()) == text


def test_titles_above_a_long_table_name_no_columns(tmp_path: Path) -> None:
    rows = "".join(f"{i}. Mai;{i},50;Miete Nummer {i}\n" for i in range(1, 90))

    text = _text(tmp_path, "a.csv", f"Kontoauszug;;\nTag;Betrag;Zweck\n{rows}".encode())

    assert text.startswith(
        "Kontoauszug\n\nTag | Betrag | Zweck\nTag: 1. Mai | Betrag: 1"
    )


def test_lines_of_json_may_hold_other_line_ends(tmp_path: Path) -> None:
    data = '{"a": "one\u2028two"}\n{"a": "three"}\n'.encode()
    text = "\n".join(p.text for p in _parsed(tmp_path, "a.json", data).pages)
    assert "two" in text
    assert "three" in text


def test_a_mail_inside_a_mail_is_read(tmp_path: Path) -> None:
    parsed = _parsed(tmp_path, "a.eml", _FORWARDED)

    assert [page.label for page in parsed.pages] == ["", "Inner.eml"]
    assert "See below." in parsed.pages[0].text
    assert "ПРИВЕТ" in parsed.pages[1].text


def test_an_archive_is_read_file_by_file(tmp_path: Path) -> None:
    data = samples.zip_bytes(
        {
            "a/notes.txt": "plain words",
            "b.docx": samples.docx_bytes(["# Manual", "in a package"]),
            "tool.exe": samples.program_bytes(),
            "c.pdf": samples.corrupt_pdf_bytes(),
        }
    )

    parsed = _parsed(tmp_path, "a.zip", data)

    assert [page.label for page in parsed.pages] == ["a/notes.txt", "b.docx"]
    assert [page.number for page in parsed.pages] == [1, 2]
    assert "in a package" in parsed.pages[1].text
    assert parsed.notices[0].startswith("tool.exe was not read. Files of the type .exe")
    assert parsed.notices[1].startswith("c.pdf was not read. The file is damaged.")


def test_an_archive_of_nothing_readable_fails_with_the_reason(tmp_path: Path) -> None:
    deep = samples.zip_bytes({"a.txt": "x"})
    for name in ("c.zip", "b.zip"):
        deep = samples.zip_bytes({name: deep})

    with pytest.raises(NoText, match=r"None of the 2 files.*tool.exe"):
        _parsed(tmp_path, "a.zip", samples.zip_bytes({"tool.exe": "x", "b.exe": "y"}))
    with pytest.raises(NoText, match="holds no files"):
        _parsed(tmp_path, "a.zip", samples.zip_bytes({}))
    with pytest.raises(LimitExceeded, match="too deep inside"):
        _parsed(tmp_path, "a.zip", deep)


_PRODUCTS = """<all><product id="P-17" status="discontinued"><name>Pump</name>
<price currency="EUR">12.50</price></product>
<product id="P-18"><name>Valve</name><price currency="USD">9</price></product></all>"""
_PRODUCT_ROWS = """id | status | name | price | price currency
P-17 | discontinued | Pump | 12.50 | EUR
P-18 |  | Valve | 9 | USD"""


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (
            "<all><one><name>a</name><n>1</n></one><one><name>b</name><n>2</n></one></all>",
            "name | n\na | 1\nb | 2",
        ),
        (
            "<book><title>Trees</title><para>Some <i>tall</i> ones.</para></book>",
            "Trees\n\nSome tall ones.",
        ),
        ("<conf><db><port value='80'/><host>h</host></db></conf>", "db › port: value: 80\ndb › host: h"),
        (_PRODUCTS, _PRODUCT_ROWS),
        (
            '<order number="A-99" date="2024-05-01"><item sku="7"><name>Pump</name></item></order>',
            "order: number: A-99, date: 2024-05-01\nitem: sku: 7\nitem › name: Pump",
        ),
        ('<a><price currency="EUR">12.50</price></a>', "price: 12.50 (currency: EUR)"),
        ('<a><p id="1">&lt;b&gt;x&lt;/b&gt;</p><t lang="de">&lt;b&gt;x&lt;/b&gt;</t></a>', "x\n\nt: lang: de\n\nx"),
        ('<a><row x="1" y="2"/><row x="3" y="4"/></a>', "x | y\n1 | 2\n3 | 4"),
        (
            '<a><row id="1"><id>7</id><n>b</n></row><row id="2"><id>8</id><n>c</n></row></a>',
            "row id | id | n\n1 | 7 | b\n2 | 8 | c",
        ),
        ("<a><p>It <b>is</b> <i>so</i>.</p><p>I <b>was</b> <i>it</i>.</p></a>", "It is so.\n\nI was it."),
        ("<html><body><p>A page.</p></body></html>", "A page."),
        ("<rss><item>&lt;p&gt;Told &lt;b&gt;twice&lt;/b&gt;&lt;/p&gt;</item></rss>", "Told twice"),
    ],
)  # fmt: skip
def test_xml_reads_as_what_it_holds(xml: str, text: str, tmp_path: Path) -> None:
    assert _text(tmp_path, "a.xml", xml.encode()) == text


def test_fields_of_late_records_are_kept(tmp_path: Path) -> None:
    records = "<r><a>1</a><b>2</b></r>" * 1_200 + "<r><a>1</a><c>late</c></r>"

    assert "c: late" in _text(tmp_path, "a.xml", f"<all>{records}</all>".encode())


@pytest.mark.parametrize(
    "xml",
    [
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<a>" * 150 + "</a>" * 150,
    ],
)
def test_xml_with_entities_or_too_deep_is_refused(xml: str, tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded):
        _parsed(tmp_path, "a.xml", xml.encode())
