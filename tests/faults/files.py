"""Mixed files for the fault tests, made by code: good, damaged, locked and hostile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests import samples

_TOPICS = ("pump", "valve", "boiler", "filter", "motor", "gauge", "tank", "pipe")
Maker = Callable[[int], tuple[str, bytes]]


def write_files(folder: Path, count: int, long_pages: int) -> None:
    """Write ``count`` files, one of them a PDF of ``long_pages`` pages."""
    folder.mkdir()
    for number in range(count - 1):
        kind, content = _MAKERS[number % len(_MAKERS)](number)
        (folder / f"{number:03d}-{kind}").write_bytes(content)
    long = samples.pdf_bytes([_page(n) for n in range(1, long_pages + 1)])
    # In the middle of the queue, so that others come before and after it.
    (folder / f"{count // 3:03d}-long.pdf").write_bytes(long)


def _page(number: int) -> str:
    return f"# Section {number}\n{paragraph(number)}"


def paragraph(number: int) -> str:
    topic = _TOPICS[number % len(_TOPICS)]
    return (
        f"The {topic} numbered {number} is checked every {number % 11 + 2} weeks. "
        f"Its pressure may reach {number * 7 % 90 + 3} bar before crew {number % 5} "
        f"is called, who write what they find into book {number * 13 % 997}. "
    )


def _paragraphs(number: int, count: int = 6) -> list[str]:
    return [paragraph(number * 101 + n) for n in range(count)]


def _rows(number: int) -> list[list[object]]:
    head: list[object] = ["Part", "Weeks", "Bar"]
    return [head, *([f"part {number}-{n}", n, n * 3] for n in range(30))]


def _text(n: int) -> bytes:
    return samples.txt_bytes("\n\n".join(_paragraphs(n, 40)))


_MAKERS: tuple[Maker, ...] = (
    lambda n: ("report.pdf", samples.pdf_bytes([_page(n * 50 + p) for p in range(8)])),
    lambda n: ("notes.txt", _text(n)),
    lambda n: ("letter.docx", samples.docx_bytes(["# Letter", *_paragraphs(n)])),
    lambda n: ("corrupt.pdf", samples.corrupt_pdf_bytes() + b"%d" % n),
    lambda n: (
        "guide.md",
        samples.md_bytes("# Guide\n\n" + "\n\n".join(_paragraphs(n))),
    ),
    lambda n: ("table.xlsx", samples.xlsx_bytes({"Parts": _rows(n)})),
    lambda n: ("locked.pdf", samples.encrypted_pdf_bytes() + b"%% %d\n" % n),
    lambda n: ("page.html", samples.html_bytes(f"Page {n}", f"<p>{paragraph(n)}</p>")),
    lambda n: ("talk.pptx", samples.pptx_bytes([(f"Talk {n}", paragraph(n))])),
    lambda n: ("cut.docx", samples.truncated_docx_bytes() + b"%d" % n),
    lambda n: ("rows.csv", samples.csv_bytes(_rows(n))),
    lambda n: (
        "book.epub",
        samples.epub_bytes([f"<p>{p}</p>" for p in _paragraphs(n)]),
    ),
    lambda n: ("bomb.docx", samples.bomb_docx_bytes(110 + n % 20)),
    lambda n: ("mail.eml", samples.eml_bytes(f"Mail {n}", paragraph(n))),
    lambda n: ("paper.odt", samples.odt_bytes(["# Paper", *_paragraphs(n)])),
    lambda n: ("bomb.pdf", samples.bomb_pdf_bytes(100 + n)),
    lambda n: ("data.json", samples.json_bytes({"parts": _rows(n)})),
    lambda n: ("memo.rtf", samples.rtf_bytes("\n".join(_paragraphs(n)))),
    lambda n: ("laughing.docx", samples.laughing_docx_bytes() + b"%d" % n),
    lambda n: ("blank.pdf", samples.scanned_pdf_bytes(n % 4 + 1) + b"%% %d\n" % n),
)
