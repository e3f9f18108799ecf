"""Pages given one by one, and reading that starts in the middle of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.parsing.pdf_whole import sample
from ingestion.sandbox import parse_in_child
from ingestion.types import PageText, Parsed, ParseJob, ParseLimits
from ingestion.uploads import SUPPORTED
from rag_site.errors import RagError
from tests import samples

# More than the reader looks at to learn about the whole file.
_MANY = 300


def _job(folder: Path, name: str, data: bytes) -> ParseJob:
    path = folder / "stored"
    path.write_bytes(data)
    media_type = SUPPORTED[Path(name).suffix]
    return ParseJob(path=str(path), media_type=media_type, name=name)


def _long_pdf(pages: int) -> bytes:
    """Running heads on left and right pages, parted words, and an empty page."""
    texts = []
    for i in range(1, pages + 1):
        head = f"Annual report, page {i}" if i % 2 else f"{i} Northern regions"
        body = f"Page {i} tells of the whole commit-\ntee and a long-\nterm plan."
        texts.append("" if i == 7 else f"{head}\n\n\n\n\n\n\n{body}")
    return samples.pdf_bytes(texts)


def _read(job: ParseJob, first_page: int = 1) -> tuple[list[PageText], Parsed]:
    pages: list[PageText] = []
    parsed = parse_in_child(replace(job, first_page=first_page), on_page=pages.append)
    return pages, parsed


@pytest.mark.parametrize(("count", "first"), [(20, 12), (_MANY, 151), (_MANY, _MANY)])
def test_a_resumed_pdf_reads_as_an_undisturbed_one(
    count: int, first: int, tmp_path: Path
) -> None:
    job = _job(tmp_path, "a.pdf", _long_pdf(count))

    whole, parsed = _read(job)
    rest, resumed = _read(job, first)

    assert [page.number for page in whole] == list(range(1, count + 1))
    assert rest == whole[first - 1 :]
    assert resumed == parsed
    assert "page 7" in parsed.notices[0]
    text = " ".join(page.text for page in whole)
    assert text.count("Annual report") == text.count("Northern regions") == 1
    assert "commit-" not in text


def test_pages_come_before_the_progress_that_counts_them(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", samples.pdf_bytes(["One", "Two", "Three"]))
    seen: list[int] = []
    counted: list[tuple[int, int]] = []

    parsed = parse_in_child(
        job,
        progress=lambda done, _: counted.append((done, len(seen))),
        on_page=lambda page: seen.append(page.number),
    )

    assert parsed.pages == ()
    assert seen == [1, 2, 3]
    assert counted
    assert all(done <= given for done, given in counted)


@pytest.mark.parametrize("name", ["a.pptx", "a.txt"])
def test_other_formats_can_start_late_too(name: str, tmp_path: Path) -> None:
    data = {
        "a.pptx": samples.pptx_bytes([("One", "first"), ("Two", "second")]),
        "a.txt": samples.txt_bytes("\n\n".join(["word " * 200] * 100)),
    }[name]
    job = _job(tmp_path, name, data)

    whole, parsed = _read(job)
    rest, resumed = _read(job, 2)

    assert len(whole) == 2
    assert rest == whole[1:]
    assert resumed == parsed


def test_what_takes_pages_may_end_the_reading(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", samples.pdf_bytes(["One", "Two", "Three"]))

    def refuse(page: PageText) -> None:
        raise RagError(f"No room for page {page.number}.")

    with pytest.raises(RagError, match="No room for page 1"):
        parse_in_child(job, on_page=refuse)


def test_text_on_early_pages_counts_when_reading_starts_late(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", samples.pdf_bytes(["One", "", ""]))

    rest, parsed = _read(job, 2)

    assert [page.text for page in rest] == ["", ""]
    assert "pages 2-3" in parsed.notices[0]


def test_a_long_pdf_is_read_in_little_memory(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", _long_pdf(1000))

    pages, _ = _read(replace(job, limits=ParseLimits(memory_mb=200)))

    assert len(pages) == 1000


@pytest.mark.parametrize("count", [1, 240, 241, 500, 10_000])
def test_the_sample_is_bounded_and_holds_the_first_page(count: int) -> None:
    indices = sample(count)

    assert indices[0] == 0
    assert indices[-1] == count - 1
    assert indices == sorted(set(indices))
    assert len(indices) == min(count, len(indices)) <= 240
