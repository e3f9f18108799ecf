"""The files that ``benchmark ingestion`` reads, the same in every run."""

from __future__ import annotations

import gzip
import json
import os
import random
import textwrap
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

# Texts of some 1,500 characters in one document: ten pages or so.
_SECTIONS = 14
# Characters of one page of the long PDF, and in one of its lines.
_PAGE_CHARS, _LINE_CHARS = 900, 90


def documents(folder: Path, count: int) -> list[Path]:
    """Write ``count`` documents of about ten pages, Markdown and Word in turns."""
    folder.mkdir(parents=True)
    texts = _texts(count * _SECTIONS)
    files = []
    for n in range(count):
        sections = texts[n * _SECTIONS : (n + 1) * _SECTIONS]
        write = _write_docx if n % 2 else _write_markdown
        files.append(write(folder / f"document-{n}", sections))
    return files


def small_files(folder: Path, count: int) -> list[Path]:
    """Write ``count`` text files of 300 to 2,000 characters: one to three chunks."""
    folder.mkdir(parents=True)
    chosen = random.Random(0)  # noqa: S311 - sizes, no secret
    files = []
    for n, text in enumerate(_texts(count)):
        target = folder / f"note-{n}.txt"
        target.write_text(f"Note {n}. {text}"[: chosen.randint(300, 2000)])
        files.append(target)
    return files


def long_pdf(target: Path, pages: int) -> Path:
    """Write a PDF of text alone, PDF 1.4, with Helvetica, which needs no file."""
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        _page_tree(pages),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n in range(pages):
        bodies.append(_page(content=5 + 2 * n))
        shown = _shown(textwrap.wrap(prose(n)[:_PAGE_CHARS], _LINE_CHARS))
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_assembled(bodies))
    return target


def _page_tree(pages: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(pages))
    return b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids)


def _page(content: int) -> bytes:
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>" % content
    )


def _shown(lines: Sequence[str]) -> bytes:
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    return f"BT /F1 11 Tf 14 TL 60 780 Td {shown} ET".encode("latin-1")


def _assembled(bodies: Sequence[bytes]) -> bytes:
    """Number the objects from 1 and write where each begins."""
    out, starts = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size, at = len(bodies) + 1, len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, at)
    return bytes(out)


def _write_markdown(path: Path, sections: Sequence[str]) -> Path:
    target = path.with_suffix(".md")
    parts = [f"## Section {n}\n\n{text}" for n, text in enumerate(sections, 1)]
    target.write_text("\n\n".join([f"# {path.name}", *parts]))
    return target


def _write_docx(path: Path, sections: Sequence[str]) -> Path:
    from docx import Document as WordDocument

    target = path.with_suffix(".docx")
    made = WordDocument()
    for n, text in enumerate(sections, 1):
        made.add_heading(f"Section {n}", level=1)
        made.add_paragraph(text)
    made.save(str(target))
    return target


def _texts(count: int) -> list[str]:
    """Return abstracts of SciFact where the shared data is, else made-up prose."""
    default = settings.BASE_DIR.parent / "shared"
    shared = Path(os.environ.get("PLUMBLINE_SHARED") or default)
    corpus = shared / "data" / "dev" / "scifact" / "corpus.jsonl.gz"
    if not corpus.exists():
        return [prose(n) for n in range(count)]
    with gzip.open(corpus, "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    return [texts[n % len(texts)] for n in range(count)]


_WORDS = """
the of and to in is that it was for on are with as they be at this have from or one
had by word but not what all were when your can said there use an each which their
time if will way about many then them write would like these her long make thing see
him two has look more day could go come did number sound most people over know water
than call first who may down side been now find any new work part pressure valve
inspection quarterly temperature maintenance contractor measured approximately
installation regulation documentation requirement procedure
"""


def prose(seed: int) -> str:
    """Return some 1,500 characters of sentences, the same for the same seed."""
    chosen = random.Random(seed)  # noqa: S311 - text, no secret
    sentences: list[str] = []
    while sum(len(sentence) for sentence in sentences) < 1500:
        words = chosen.choices(_WORDS.split(), k=chosen.randint(8, 24))
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)
