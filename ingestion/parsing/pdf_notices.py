"""What a reader of a PDF is told about pages without a text layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingestion.errors import NoText
from ingestion.parsing.ocr import NO_OCR, Reader

_SHOWN = 10
# A scan with fewer letters than this in all is a logo, a stain or a photograph.
_MIN_RECOGNISED = 20


@dataclass(slots=True)
class Found:
    """Numbers of pages, gathered while a file is read.

    Attributes:
        bare: without a text layer, and with nothing on them that could be read.
        scans: pictures of text.
        unread: scans for which the time of one page was not enough.
        stored, recognised: letters of text layers and of scans.
    """

    bare: list[int] = field(default_factory=list)
    scans: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    stored: int = 0
    recognised: int = 0

    def add(self, number: int, *, is_bare: bool, is_scan: bool) -> None:
        if is_scan:
            self.scans.append(number)
        elif is_bare:
            self.bare.append(number)

    def count(self, text: str, *, is_scan: bool) -> None:
        letters = sum(map(len, text.split()))
        if is_scan:
            self.recognised += letters
        else:
            self.stored += letters

    @property
    def has_text(self) -> bool:
        return self.stored > 0 or self.recognised >= _MIN_RECOGNISED


def notices_of(
    found: Found, reader: Reader | None, attachments: int
) -> tuple[str, ...]:
    return tuple(_notices(found, reader, attachments))


def _notices(found: Found, reader: Reader | None, attachments: int) -> Iterator[str]:
    if found.scans and reader is None:
        yield f"Only a picture and no text is on {_pages(found.scans)}. {NO_OCR}"
    elif found.scans and reader is not None:
        yield (
            f"Text recognition (OCR) was used on {_pages(found.scans)}; "
            "single words may be wrong."
        )
        if reader.notice:
            yield reader.notice
    if found.unread:
        yield f"Text recognition (OCR) took too long on {_pages(found.unread)}."
    if found.bare:
        yield f"No text, and nothing for text recognition, is on {_pages(found.bare)}."
    if attachments > 0:
        yield "Files attached to the PDF were not read. Add them separately."


def no_text(found: Found, reader: Reader | None) -> NoText:
    """Return what to raise for a file that gave no text at all."""
    if found.scans and reader is None:
        return NoText(
            "No text was found: the file is a scan, whose pages are pictures and "
            f"need text recognition. {NO_OCR}"
        )
    return NoText(
        "Practically no text was found in this file, neither stored in it nor by "
        "text recognition (OCR)."
    )


def _pages(numbers: Sequence[int]) -> str:
    """Name pages, runs of them in one: "pages 1-3 and 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:_SHOWN]]
    if len(runs) > _SHOWN:
        named.append("more")
    listed = " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)
    return f"page {listed}" if len(numbers) == 1 else f"pages {listed}"
