"""Pictures: decoded with care, read by text recognition, drawn for the page view."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingestion.errors import Corrupt, LimitExceeded, NoText
from ingestion.parsing.ocr import (
    NO_OCR,
    POINTS_PER_INCH,
    Reader,
    reader_for,
    recognised,
)
from ingestion.parsing.ocr_engines import Picture
from ingestion.parsing.pieces import assemble
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
# Dots an inch that a picture may claim; others are guessed from a sheet of A4.
_MIN_DPI, _MAX_DPI = 60, 1200
_A4_INCHES = 11.7
# Small print of screen shots is enlarged before it is read; pictures of more
# pixels than a sheet of A4 has at 400 dots an inch are made smaller.
_ENLARGED_BELOW_DPI = 150
_MAX_READ_PIXELS = 16_000_000

# Frames of Pillow carry loose types.
Image = Any


def parse_image(source: Source) -> Parsed:
    """Read the text in a picture; each page of a TIFF is a page.

    Raises:
        NoText: none was found, or nothing here recognises text.
        LimitExceeded: more pixels or pages than the limits; the pixels are
            known from the header, before anything is decoded.
    """
    reader = reader_for(source)
    if reader is None:
        raise NoText(f"The file is a picture, so it holds no text yet. {NO_OCR}")
    pages, emit = source.outlet()
    found = False
    with _opened(source.path, source) as image:
        count = _count(image, source)
        for number in range(source.first_page, count + 1):
            page = _page(image, number, reader, source)
            found = found or bool(page.text)
            emit(page)
            source.progress(number, count)
    if not found and source.first_page == 1:
        raise NoText("Text recognition (OCR) found no text in this picture.")
    return Parsed(pages=tuple(pages), notices=_notices(reader))


def _notices(reader: Reader) -> tuple[str, ...]:
    used = "Text recognition (OCR) was used; single words may be wrong."
    return (used, reader.notice) if reader.notice else (used,)


@contextmanager
def _opened(path: Path, source: Source) -> Iterator[Image]:
    """Open a picture, and translate whatever Pillow meets while it is open."""
    import PIL.Image

    try:
        with PIL.Image.open(path, formats=_FORMATS) as image:
            _check_pixels(image, source)
            yield image
    except PIL.Image.DecompressionBombError as exc:
        raise _too_many_pixels(0, source) from exc
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError) as exc:
        # Pillow's decoders meet damaged files with whatever comes first.
        raise Corrupt from exc


def _check_pixels(image: Image, source: Source) -> None:
    pixels = image.width * image.height
    if pixels > source.limits.max_pixels:
        raise _too_many_pixels(pixels, source)


def _too_many_pixels(pixels: int, source: Source) -> LimitExceeded:
    size = f"{pixels // 1_000_000:,}" if pixels else "too many"
    return LimitExceeded(
        f"The picture has {size} megapixels; the limit is "
        f"{source.limits.max_pixels // 1_000_000}. Make it smaller and add it again."
    )


def _count(image: Image, source: Source) -> int:
    """The pages of a TIFF; of other formats only the first frame is read."""
    if image.format != "TIFF":
        return 1
    limit = source.limits.max_pages
    count = 1
    while count <= limit:
        try:
            image.seek(count)
        except EOFError:
            return count
        count += 1
    raise LimitExceeded(
        f"The picture has more than {limit:,} pages, which is the limit. "
        "Split it and add the parts."
    )


def _page(image: Image, number: int, reader: Reader, source: Source) -> PageText:
    if image.format == "TIFF":
        image.seek(number - 1)
        _check_pixels(image, source)
    dpi = _dpi(image)
    upright = _upright(image)
    size = upright.width / dpi * POINTS_PER_INCH, upright.height / dpi * POINTS_PER_INCH
    pieces = recognised(_grey(upright, dpi), reader, source)
    return assemble(number, pieces or [], size=size)


def _dpi(image: Image) -> float:
    claimed = image.info.get("dpi", (0, 0))[0]
    if _MIN_DPI <= claimed <= _MAX_DPI:
        return float(claimed)
    longest: int = max(image.width, image.height)
    return max(longest / _A4_INCHES, _MIN_DPI)


def _upright(image: Image) -> Image:
    """Decode; turn as the camera says; put what is transparent on white."""
    import PIL.Image
    import PIL.ImageOps

    turned = PIL.ImageOps.exif_transpose(image)
    if turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info:
        white = PIL.Image.new("RGBA", turned.size, "white")
        turned = PIL.Image.alpha_composite(white, turned.convert("RGBA"))
    if turned.mode.startswith(("I", "F")):
        turned = _in_eight_bits(turned)
    return turned.convert("L" if turned.mode in {"1", "L"} else "RGB")


def _in_eight_bits(image: Image) -> Image:
    """Spread the values over 0 to 255; a plain conversion cuts them off there."""
    wide = image.convert("F")
    low, high = wide.getextrema()
    scale = 255 / max(high - low, 1)
    return wide.point(lambda value: value * scale - low * scale).convert("L")


def _grey(image: Image, dpi: float) -> Picture:
    grey = image.convert("L")
    ratio = 1.0
    pixels = grey.width * grey.height
    if pixels > _MAX_READ_PIXELS:
        ratio = (_MAX_READ_PIXELS / pixels) ** 0.5
    elif dpi < _ENLARGED_BELOW_DPI and pixels < _MAX_READ_PIXELS / 4:
        ratio = 2.0
    if ratio != 1.0:
        grey = grey.resize(
            (max(round(grey.width * ratio), 1), max(round(grey.height * ratio), 1))
        )
    return Picture(grey.width, grey.height, grey.width, grey.tobytes(), dpi * ratio)


def picture_png(source: Source, number: int, scale: float) -> bytes:
    """Draw a page of a picture at ``scale`` pixels a point; empty if there is none."""
    with _opened(source.path, source) as image:
        if number > _count(image, source):
            return b""
        if image.format == "TIFF":
            image.seek(number - 1)
            _check_pixels(image, source)
        ratio = min(scale * POINTS_PER_INCH / _dpi(image), 1.0)
        upright = _upright(image)
        width, height = round(upright.width * ratio), round(upright.height * ratio)
        out = io.BytesIO()
        upright.resize((max(width, 1), max(height, 1))).save(out, "PNG")
        return out.getvalue()
