"""Word files say what Word shows: numbers of clauses and notes, signs, formulas."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.parsing import parse
from ingestion.parsing.source import Source
from ingestion.types import Parsed
from ingestion.uploads import SUPPORTED
from tests import samples

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    f'xmlns:m="{_OFFICE}/math"'
)


def _read(folder: Path, body: str, **parts: str) -> Parsed:
    """Read a Word file with this body; further parts, such as styles, by name."""
    path = folder / "a.docx"
    path.write_bytes(
        samples.word_bytes(
            f"<w:document {_SPACES}><w:body>{body}</w:body></w:document>",
            {name: f"<w:{name} {_SPACES}>{xml}</w:{name}>" for name, xml in parts.items()},
        )
    )  # fmt: skip
    return parse(Source(path=path, name="a.docx"), SUPPORTED[".docx"])


def _text(folder: Path, body: str, **parts: str) -> str:
    return "\n".join(page.text for page in _read(folder, body, **parts).pages)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _run(text: str, props: str = "") -> str:
    return f'<w:r><w:rPr>{props}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def _paragraph(text: str, props: str = "") -> str:
    return f"<w:p><w:pPr>{props}</w:pPr>{_run(text)}</w:p>"


# --- Numbers of clauses ------------------------------------------------------


def _item(text: str, level: int, list_id: int = 1) -> str:
    numbered = f'<w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/>'
    return _paragraph(text, f"<w:numPr>{numbered}</w:numPr>")


def _level(number: int, kind: str, text: str, more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{number}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'{more}<w:lvlText w:val="{text}"/></w:lvl>'
    )


def _numbering(*levels: str, second: str = "") -> str:
    """Two lists of one abstract definition; the second may say more."""
    return (
        f'<w:abstractNum w:abstractNumId="7">{"".join(levels)}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
        f'<w:num w:numId="2"><w:abstractNumId w:val="7"/>{second}</w:num>'
    )


_CLAUSES = _numbering(
    _level(0, "decimal", "%1."),
    _level(1, "decimal", "%1.%2"),
    _level(2, "decimal", "%1.%2.%3"),
)
_HEADING = (
    '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/>'
    '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
)


def test_clauses_have_the_numbers_that_word_shows(tmp_path: Path) -> None:
    def heading(text: str) -> str:
        return _paragraph(text, '<w:pStyle w:val="Heading1"/>')

    body = (
        heading("Definitions") + _item("Meaning", 1) + heading("Payment")
        + _item("Invoices", 1) + _item("Late payment", 1) + _item("After a month", 2)
    )  # fmt: skip
    parsed = _read(tmp_path, body, numbering=_CLAUSES, styles=_HEADING)

    assert _lines(parsed.pages[0].text) == [
        "1. Definitions", "1.1 Meaning", "2. Payment", "2.1 Invoices",
        "2.2 Late payment", "2.2.1 After a month",
    ]  # fmt: skip
    assert [block.kind for block in parsed.pages[0].blocks][:2] == ["heading", "list"]


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("lowerLetter", "(%1)", ["(a)", "(b)"]),
        ("upperLetter", "%1)", ["A)", "B)"]),
        ("lowerRoman", "(%1)", ["(i)", "(ii)"]),
        ("upperRoman", "Article %1.", ["Article I.", "Article II."]),
        ("decimalZero", "%1", ["01", "02"]),
    ],
)
def test_numbers_look_as_their_level_says(
    tmp_path: Path, kind: str, text: str, shown: list[str]
) -> None:
    body = _item("x", 0) + _item("x", 0)
    numbering = _numbering(_level(0, kind, text))

    lines = _lines(_text(tmp_path, body, numbering=numbering))

    assert lines == [f"{number} x" for number in shown]


def test_a_list_may_start_elsewhere_or_go_on_from_another(tmp_path: Path) -> None:
    levels = _level(0, "lowerLetter", "(%1)")
    start = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="4"/></w:lvlOverride>'
    body = _item("x", 0) + _item("x", 0, 2) + _item("x", 0, 2) + _item("x", 0)

    again = _text(tmp_path, body, numbering=_numbering(levels, second=start))
    on = _text(tmp_path, body, numbering=_numbering(levels))

    assert _lines(again) == ["(a) x", "(d) x", "(e) x", "(f) x"]
    assert _lines(on) == ["(a) x", "(b) x", "(c) x", "(d) x"]


def test_a_list_may_take_its_levels_from_a_list_style(tmp_path: Path) -> None:
    named = (
        '<w:abstractNum w:abstractNumId="8"><w:numStyleLink w:val="S"/></w:abstractNum>'
    )
    style = _numbering('<w:styleLink w:val="S"/>' + _level(0, "decimal", "§ %1"))
    numbering = named + style.replace(
        '<w:num w:numId="1"><w:abstractNumId w:val="7"',
        '<w:num w:numId="1"><w:abstractNumId w:val="8"',
    )

    assert _lines(_text(tmp_path, _item("x", 0), numbering=numbering)) == ["§ 1 x"]


def test_what_a_level_says_before_each_item_is_bounded(tmp_path: Path) -> None:
    numbering = _numbering(_level(0, "decimal", "%1" + "x" * 100_000))

    text = _text(tmp_path, _item("y", 0) + _item("y", 0), numbering=numbering)

    assert len(text) < 200


def test_numbers_under_each_bullet_start_again(tmp_path: Path) -> None:
    numbering = _numbering(_level(0, "bullet", "·"), _level(1, "decimal", "%2."))
    body = _item("x", 0) + _item("y", 1) + _item("y", 1) + _item("x", 0) + _item("y", 1)

    lines = _lines(_text(tmp_path, body, numbering=numbering))

    assert lines == ["- x", "1. y", "2. y", "- x", "1. y"]


def test_legal_numbers_are_decimal_and_sections_may_count_on(tmp_path: Path) -> None:
    numbering = _numbering(
        _level(0, "upperRoman", "Article %1"),
        _level(1, "decimal", "%1.%2", '<w:lvlRestart w:val="0"/><w:isLgl/>'),
    )
    body = _item("x", 0) + _item("y", 1) + _item("x", 0) + _item("y", 1)

    lines = _lines(_text(tmp_path, body, numbering=numbering))

    assert lines == ["Article I x", "1.1 y", "Article II x", "2.2 y"]


def test_empty_clauses_count_and_deleted_ones_do_not(tmp_path: Path) -> None:
    deleted = _item("", 0).replace("</w:numPr>", "</w:numPr><w:rPr><w:del/></w:rPr>")
    numbered = '<w:pStyle w:val="Secret"/><w:numPr>'
    hidden = _item("planted", 0).replace("<w:numPr>", numbered)
    body = _item("x", 0) + _item("", 0) + deleted + hidden + _item("y", 0)
    text = _text(tmp_path, body, numbering=_CLAUSES, styles=_STYLES)

    assert _lines(text) == ["1. x", "3. y"]


def test_rows_that_number_themselves_keep_their_numbers(tmp_path: Path) -> None:
    def row(number: str, text: str, merged: str = "") -> str:
        return (
            f"<w:tr><w:tc><w:tcPr>{merged}</w:tcPr>{number}</w:tc>"
            f"<w:tc>{_paragraph(text)}</w:tc></w:tr>"
        )

    table = (
        row(_item("", 0), "a", '<w:vMerge w:val="restart"/>')
        + row(_item("", 0), "b", "<w:vMerge/>") + row(_item("x", 0), "c")
    )  # fmt: skip
    body = f"<w:tbl>{table}</w:tbl>" + _item("after", 0)

    lines = _lines(_text(tmp_path, body, numbering=_CLAUSES))

    assert lines == ["1. | a", "1. | b", "2. x | c", "3. after"]


# --- What is not shown, or shown otherwise -----------------------------------

_STYLES = (
    '<w:style w:type="paragraph" w:default="1" w:styleId="Standard"/>'
    '<w:style w:type="paragraph" w:styleId="Secret"><w:rPr><w:vanish/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Deeper"><w:basedOn w:val="Secret"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Open"><w:basedOn w:val="Secret"/>'
    '<w:rPr><w:vanish w:val="0"/></w:rPr></w:style>'
    '<w:style w:type="character" w:styleId="Quiet"><w:rPr><w:vanish/></w:rPr></w:style>'
)


@pytest.mark.parametrize(
    ("paragraph", "run", "is_shown"),
    [
        ("Deeper", "", False),
        ("Open", "", True),
        ("", '<w:rStyle w:val="Quiet"/>', False),
        ("Secret", '<w:rStyle w:val="Quiet"/>', True),
        ("Secret", "<w:vanish w:val='0'/>", True),
        ("Unknown", "", True),
    ],
)
def test_text_that_its_style_hides_is_left_out_and_told(
    tmp_path: Path, paragraph: str, run: str, is_shown: bool
) -> None:
    styled = f'<w:p><w:pPr><w:pStyle w:val="{paragraph}"/></w:pPr>{_run("Planted", run)}</w:p>'
    table = f"<w:tbl><w:tr><w:tc>{styled}</w:tc></w:tr></w:tbl>"
    for body in (styled, table):
        parsed = _read(tmp_path, _paragraph("Seen.") + body, styles=_STYLES)
        assert ("Planted" in parsed.pages[0].text) is is_shown
        assert bool(parsed.notices) is not is_shown


@pytest.mark.parametrize("props", ["<w:strike/>", "<w:dstrike/>"])
def test_struck_out_words_are_left_out_and_told(tmp_path: Path, props: str) -> None:
    runs = _run("The fee is ") + _run("500 ", props) + _run("700 euros.")
    for body in (
        f"<w:p>{runs}</w:p>",
        f"<w:tbl><w:tr><w:tc><w:p>{runs}</w:p></w:tc></w:tr></w:tbl>",
    ):
        parsed = _read(tmp_path, body)
        assert parsed.pages[0].text == "The fee is 700 euros."
        (notice,) = parsed.notices
        assert "1 passage struck out" in notice


def test_pages_are_counted_on_behind_what_is_struck_out(tmp_path: Path) -> None:
    struck = '<w:r><w:rPr><w:strike/></w:rPr><w:t>Old.</w:t><w:br w:type="page"/></w:r>'
    parsed = _read(tmp_path, f"<w:p>{_run('One.')}{struck}{_run('Two.')}</w:p>")
    assert [page.text for page in parsed.pages] == ["One.", "Two."]


def test_powers_keep_apart_from_their_numbers(tmp_path: Path) -> None:
    raised = '<w:vertAlign w:val="superscript"/>'
    runs = (
        _run("10") + _run("-", raised) + _run("6", raised) + _run(" m") + _run("2", raised)
        + _run(" on the 1") + _run("st", raised) + _run(" of May 2")
        + f"<w:ins>{_run('5', raised)}</w:ins>"
    )  # fmt: skip

    assert _text(tmp_path, f"<w:p>{runs}</w:p>") == "10^-6 m2 on the 1st of May 2^5"


def _math(tag: str, **parts: str) -> str:
    inner = "".join(
        f"<m:{name}>{part if '<' in part else _signs(part)}</m:{name}>"
        for name, part in parts.items()
    )
    return f"<m:{tag}>{inner}</m:{tag}>"


def _signs(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


@pytest.mark.parametrize(
    ("xml", "shown"),
    [
        (_math("f", num="1", den="2"), "1/2"),
        (_math("f", num="a+b", den="c"), "(a+b)/c"),
        (_math("sSup", e="x", sup="2"), "x^2"),
        (_math("sSup", e=_math("d", e="a+b"), sup="n-1"), "(a+b)^(n-1)"),
        (_math("sSub", e="x", sub="1"), "x_1"),
        (_math("sSubSup", e="x", sub="1", sup="2"), "x_1^2"),
        (_math("rad", e="2g"), "√(2g)"),
        (_math("sSup", e="x", sup="k") + _math("sSup", e="a", sup="2") + _signs("b"), "x^k a^2 b"),
        (_math("f", fPr='<m:type m:val="noBar"/>', num="n", den="k"), "n over k"),
        (_math("nary", sub="i=1", sup="n", e="i"), "∫_(i=1)^n i"),
        (_math("f", num=_math("sSup", e="v", sup="2"), den="r") + _signs("=g"), "(v^2)/r=g"),
    ],
)  # fmt: skip
def test_formulas_say_what_stands_above_what(
    tmp_path: Path, xml: str, shown: str
) -> None:
    body = f"<w:p>{_run('So ')}<m:oMath>{xml}</m:oMath>{_run('.')}</w:p>"

    assert _text(tmp_path, body) == f"So {shown}."


@pytest.mark.parametrize(
    ("font", "code", "shown"),
    [
        ("Wingdings", "F0FE", "[x]"),
        ("Wingdings", "F0FC", "[x]"),
        ("Wingdings", "F0FD", "[x]"),
        ("Wingdings", "F0A8", "[ ]"),
        ("Wingdings", "F06F", "[ ]"),
        ("Wingdings", "F04A", ""),
        ("Symbol", "F0B3", "≥"),
        ("Symbol", "00A3", "≤"),
        ("Symbol", "F0B1", "±"),
        ("Symbol", "F0B4", "×"),
        ("Symbol", "F0B0", "°"),
        ("Symbol", "F06D", "µ"),
        ("Symbol", "F057", "Ω"),
        ("Symbol", "F061", "α"),
        ("Arial", "2265", "≥"),
        ("Other", "F041", ""),
        ("Other", "zz", ""),
        ("Other", "D800", ""),
        ("Other", "-0FE", ""),
    ],
)
def test_signs_of_picture_fonts_are_characters(
    tmp_path: Path, font: str, code: str, shown: str
) -> None:
    sign = f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>'

    assert _text(tmp_path, f"<w:p>{_run('a')}{sign}{_run('b')}</w:p>") == f"a{shown}b"


# --- Tables and notes ----------------------------------------------------------


def _row(*cells: str, props: str = "") -> str:
    inner = "".join(f"<w:tc>{cell}</w:tc>" for cell in cells)
    return f"<w:tr><w:trPr>{props}</w:trPr>{inner}</w:tr>"


def test_a_row_that_begins_further_in_keeps_its_columns(tmp_path: Path) -> None:
    rows = _row(*map(_paragraph, ["Part", "Old", "New"])) + _row(
        _paragraph("5"), _paragraph("7"), props='<w:gridBefore w:val="1"/>'
    )

    text = _text(tmp_path, f"<w:tbl>{rows}</w:tbl>")

    assert text == "Part | Old | New\n| 5 | 7"


def _noted(text: str, kind: str, number: int, props: str = "") -> str:
    mark = f'<w:r><w:{kind}Reference w:id="{number}" {props}/></w:r>'
    return f"<w:p>{_run(text)}{mark}</w:p>"


def _notes(kind: str, **texts: str) -> str:
    return "".join(
        f'<w:{kind} w:id="{name[1:]}">{_paragraph(text)}</w:{kind}>'
        for name, text in texts.items()
    )


def test_notes_have_the_numbers_that_readers_see(tmp_path: Path) -> None:
    body = (
        _noted("One", "footnote", 5) + _noted("Two", "endnote", 2)
        + _noted("Three", "footnote", 2)
        + _noted("Four", "footnote", 3, 'w:customMarkFollows="1"').replace("/></w:r>", "/><w:t>*</w:t></w:r>")
        + _noted("Five", "footnote", 4)
    )  # fmt: skip
    text = _text(
        tmp_path,
        body,
        footnotes=_notes("footnote", _2="third", _3="starred", _4="fifth", _5="first"),
        endnotes=_notes("endnote", _2="second"),
    )

    assert _lines(text) == [
        "One[1]", "Two[i]", "Three[2]", "Four*", "Five[3]",
        "[1] first", "[i] second", "[2] third", "[*] starred", "[3] fifth",
    ]  # fmt: skip


def test_notes_and_comments_on_cells_follow_their_table(tmp_path: Path) -> None:
    table = (
        f"<w:tbl>{_row(_noted('9', 'footnote', 2), _noted('8', 'comment', 0))}</w:tbl>"
    )
    text = _text(
        tmp_path,
        table + _noted("End.", "comment", 1),
        footnotes=_notes("footnote", _2="in euros"),
        comments=_notes("comment", _0="Is it so?", _1="Good."),
    )

    assert _lines(text) == [
        "9 | 8", "[1] in euros", "[comment 1] Is it so?", "End.", "[comment 2] Good.",
    ]  # fmt: skip
