"""Pictures of pages and the places of passages on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import Corrupt
from ingestion.rendering import locate_text, render_page
from rag_site.errors import NotFound
from tests import samples

_PDF = "application/pdf"
_TEXT = (
    "# A large title\nThe first sentence stands here.\nThe second one stands below it."
)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(samples.pdf_bytes(["Page one.", _TEXT]))
    return path


def test_a_page_is_drawn_at_the_asked_scale(pdf: Path) -> None:
    image = render_page(pdf, _PDF, 2, scale=0.5)

    assert image.startswith(b"\x89PNG")
    width = int.from_bytes(image[16:20], "big")
    height = int.from_bytes(image[20:24], "big")
    assert (width, height) == (306, 396)


@pytest.mark.parametrize("page", [0, 3])
def test_a_page_that_is_not_there_is_not_found(pdf: Path, page: int) -> None:
    with pytest.raises(NotFound):
        render_page(pdf, _PDF, page, scale=1)


def test_other_formats_have_no_page_pictures(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        render_page(tmp_path / "a.txt", "text/plain", 1, scale=1)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(samples.corrupt_pdf_bytes())

    with pytest.raises(Corrupt):
        render_page(path, _PDF, 1, scale=1)


def test_a_passage_gets_one_box_a_line(pdf: Path) -> None:
    boxes = locate_text(
        pdf, _PDF, 2, text="sentence stands here. The second one stands"
    )

    assert len(boxes) == 2
    (first, second) = boxes
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
    assert first[1] < second[1] < 0.3
    # 72 points of margin on a page of 612.
    assert second[0] == pytest.approx(72 / 612, abs=0.01)
    assert first[0] > second[0]


def test_spaces_and_table_marks_do_not_matter(pdf: Path) -> None:
    boxes = locate_text(pdf, _PDF, 2, text="The second | one\nstands   be-low it")

    assert len(boxes) == 1


def test_text_that_is_not_there_gets_no_box(pdf: Path) -> None:
    assert locate_text(pdf, _PDF, 1, text="an entirely different sentence") == []
