"""Scans and pictures: read where there is text recognition, explained where not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image

from ingestion.errors import Corrupt, LimitExceeded, NoText
from ingestion.parsing import ocr_engines, parse
from ingestion.parsing.ocr_engines import Installed, Picture, choose, installed
from ingestion.parsing.source import Source
from ingestion.rendering import boxes_of_blocks, locate_text, render_page
from ingestion.sandbox import Clock, parse_in_child
from ingestion.types import PageText, Parsed, ParseJob, ParseLimits
from ingestion.uploads import SUPPORTED
from tests import samples

_ROOT = Path(__file__).resolve().parents[2]
_LINES = [
    "# Harbour regulations",
    "Ships longer than ninety metres need a pilot",
    "between the outer buoy and the second lock.",
    "The harbour master may grant exceptions.",
]

needs_ocr = pytest.mark.skipif(
    installed() is None, reason="no text recognition is installed: `make ocr`"
)


def _job(folder: Path, name: str, data: bytes) -> ParseJob:
    path = folder / "stored"
    path.write_bytes(data)
    media_type = SUPPORTED[Path(name).suffix]
    return ParseJob(path=str(path), media_type=media_type, name=name)


def _read(folder: Path, name: str, data: bytes) -> Parsed:
    return parse_in_child(_job(folder, name, data))


def _words(parsed: Parsed) -> str:
    return " ".join(" ".join(page.text for page in parsed.pages).split())


# --- With text recognition -------------------------------------------------


@pytest.mark.models
@needs_ocr
@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.tif", "TIFF"), ("a.webp", "WEBP")],
)
def test_pictures_are_read(name: str, kind: str, tmp_path: Path) -> None:
    parsed = _read(tmp_path, name, samples.picture_of(_LINES, kind=kind))

    assert "Ships longer than ninety metres need a pilot between the" in _words(parsed)
    assert "recognition (OCR) was used" in parsed.notices[0]
    assert parsed.pages[0].width == pytest.approx(595, abs=3)
    first = parsed.pages[0].blocks[0]
    assert (first.kind, first.level) == ("heading", 1)
    left, top, right, bottom = first.box or (0, 0, 0, 0)
    assert (left, top) == pytest.approx((72, 75), abs=10)
    assert left < right < 595
    assert top < bottom < 110


@pytest.mark.models
@needs_ocr
def test_pages_of_a_tiff_are_pages(tmp_path: Path) -> None:
    pages = [[f"This is the page about number {i}", "and some more"] for i in (1, 2, 3)]
    job = _job(tmp_path, "a.tiff", samples.pictures_of(pages, kind="TIFF"))
    seen: list[tuple[int, int]] = []

    whole = parse_in_child(job, progress=lambda done, of: seen.append((done, of)))
    rest = parse_in_child(replace(job, first_page=2))

    assert [page.number for page in whole.pages] == [1, 2, 3]
    assert "about number 3" in whole.pages[2].text
    assert rest.pages == whole.pages[1:]
    assert seen[-1] == (3, 3)


@pytest.mark.models
@needs_ocr
def test_a_scanned_pdf_reads_the_same_from_any_page(tmp_path: Path) -> None:
    pages = [_LINES, ["The second page tells of fees and of the", "tide tables."]]
    job = _job(tmp_path, "a.pdf", samples.pictures_of(pages, kind="PDF"))
    given: list[PageText] = []

    whole = parse_in_child(job, on_page=given.append)
    rest: list[PageText] = []
    resumed = parse_in_child(replace(job, first_page=2), on_page=rest.append)

    assert "grant exceptions" in given[0].text
    assert "tide tables" in given[1].text
    assert "pages 1-2" in whole.notices[0]
    assert rest == given[1:]
    assert resumed == whole


@pytest.mark.models
@needs_ocr
def test_a_sheet_that_lies_on_its_side_is_read(tmp_path: Path) -> None:
    lines = [*_LINES, *_LINES[1:], *_LINES[1:]]

    parsed = _read(tmp_path, "a.png", samples.picture_of(lines, turned=90))

    assert "Ships longer than ninety metres" in _words(parsed)


@pytest.mark.models
@needs_ocr
def test_a_picture_attached_to_a_mail_is_read(tmp_path: Path) -> None:
    picture = samples.picture_of(_LINES)
    data = samples.eml_bytes("Rules", "See there.", attachments={"scan.png": picture})

    parsed = _read(tmp_path, "a.eml", data)

    assert "grant exceptions" in _words(parsed)
    assert parsed.pages[1].label == "scan.png"


@pytest.mark.models
@needs_ocr
def test_passages_are_marked_on_scans(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.png", samples.picture_of(_LINES))
    page = parse_in_child(job).pages[0]
    start = page.text.index("harbour master")
    blocks = [asdict(block) for block in page.blocks]

    boxes = boxes_of_blocks(blocks, (start, start + 14), (page.width, page.height))
    image = render_page(Path(job.path), job.media_type, 1, scale=1.0)

    assert locate_text(Path(job.path), job.media_type, 1, text="harbour master") == []
    assert len(boxes) == 1
    assert 0 < boxes[0][1] < boxes[0][3] < 0.3
    assert Image.open(io.BytesIO(image)).size == pytest.approx((595, 842), abs=3)


@pytest.mark.models
@needs_ocr
def test_text_recognition_keeps_to_the_time_it_has(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.pdf", samples.pictures_of([_LINES] * 6, kind="PDF"))
    none = ParseLimits(wall_s=1, ocr_page_s=60, ocr_wall_s=0)

    with pytest.raises(LimitExceeded, match="longer than 1 s"):
        parse_in_child(replace(job, limits=none))


def test_each_page_of_a_scan_adds_time_within_bounds() -> None:
    clock = Clock(ParseLimits(wall_s=10, ocr_page_s=30, ocr_wall_s=70))
    allowed = [clock.allowed_s]
    for _ in range(4):
        clock.extend()
        allowed.append(clock.allowed_s)

    assert allowed == [10, 40, 70, 80, 80]


@pytest.mark.models
@needs_ocr
def test_a_language_without_data_is_said(tmp_path: Path) -> None:
    job = _job(tmp_path, "a.png", samples.picture_of(_LINES))

    parsed = parse_in_child(replace(job, language="yiddish"))

    assert "no data to recognise text in Yiddish" in parsed.notices[1]
    assert "Ships longer" in _words(parsed)


@needs_ocr
@pytest.mark.parametrize("side", [8_000, 60_000])
def test_pixels_are_counted_before_they_are_decoded(side: int, tmp_path: Path) -> None:
    whole = samples.picture_of(["x"])
    head = b"IHDR" + side.to_bytes(4, "big") * 2 + whole[24:29]
    large = whole[:12] + head + zlib.crc32(head).to_bytes(4, "big") + whole[33:]

    with pytest.raises(LimitExceeded, match="limit is 40"):
        _read(tmp_path, "a.png", large)


@needs_ocr
def test_a_damaged_picture_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(Corrupt):
        _read(tmp_path, "a.jpg", samples.picture_of(_LINES, kind="JPEG")[:3000])


@needs_ocr
def test_a_blank_sheet_holds_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoText, match="found no text"):
        _read(tmp_path, "a.png", samples.picture_of([]))


# --- Without it, and with the system's ---------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", samples.scanned_pdf_bytes()),
        ("a.png", samples.picture_of(["text"])),
    ],
)
def test_without_it_a_scan_says_how_to_get_it(
    name: str, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.parsing.ocr.installed", lambda: None)
    path = tmp_path / "stored"
    path.write_bytes(data)

    with pytest.raises(NoText, match="make ocr") as caught:
        parse(Source(path=path, name=name), SUPPORTED[Path(name).suffix])

    assert "picture" in caught.value.message


def test_the_language_of_the_collection_decides() -> None:
    folder = Path("/data")
    data = {"eng": folder, "deu": folder}

    assert choose("german", data) == ("deu", True)
    assert choose("", data) == ("eng", True)
    assert choose("french", data) == ("eng", False)
    assert choose("english", {"deu": folder}) == ("deu", False)


_STUB = """#!{python}
import sys
head, size, depth = sys.stdin.buffer.readline().split()[:1], None, None
assert head == [b"P5"], head
assert sys.argv[1:3] == ["stdin", "stdout"] and sys.argv[-1] == "tessedit_create_tsv=1"
print("level\\tpage\\tblock\\tpar\\tline\\tword\\tleft\\ttop\\twidth\\theight\\tconf\\ttext")
print("5\\t1\\t1\\t1\\t1\\t1\\t10\\t20\\t80\\t30\\t96.5\\tHarbour")
print("5\\t1\\t1\\t1\\t1\\t2\\t100\\t20\\t80\\t30\\t12.5\\tnoise")
"""


def test_the_systems_program_gives_the_same_table(tmp_path: Path) -> None:
    program = tmp_path / "tesseract"
    program.write_text(_STUB.format(python=sys.executable))
    program.chmod(0o755)
    engine = ocr_engines.program_engine(str(program), tmp_path, "eng")

    table = engine.words(Picture(3, 2, 4, b"abc.abc.", 300), timeout_s=20)

    assert table is not None
    assert "Harbour" in table


_PROBE = """
import json, subprocess, sys
sys.path.insert(0, {root!r})
from ingestion.parsing.child import confine
confine({limits}, sys.executable)
found = []
for command in ([sys.executable, "-c", ""], ["/bin/true"]):
    try:
        found.append(subprocess.run(command).returncode)
    except PermissionError:
        found.append("refused")
print(json.dumps(found))
"""


def test_a_parser_may_start_the_one_program_and_no_other() -> None:
    code = _PROBE.format(root=str(_ROOT), limits=asdict(ParseLimits()))

    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, check=True
    )

    assert json.loads(done.stdout) == [0, "refused"]


def test_nothing_is_loaded_to_find_out_what_there_is() -> None:
    found = installed()
    assert found is None or isinstance(found, Installed)
    # In a process of its own: other tests do load it.
    code = (
        "import sys; from ingestion.parsing.ocr_engines import installed; "
        "installed(); print('tesserocr' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "False"
