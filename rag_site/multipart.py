"""What is looked at of a form before Django reads it (a leaf): type, sizes and heads of parts.

Django ends with a traceback at a Content-Type whose character set it does not know, and
passes over a part whose head it cannot read: the file in it would be lost without a word.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from django.utils.http import parse_header_parameters

from ingestion.errors import FileTooLarge
from rag_site.errors import InvalidInput

# Headers of one part of a multipart body.
_PART_SLACK_BYTES = 16_384
_END_OF_HEAD = b"\r\n\r\n"


def check_content_type(header: bytes) -> None:
    """Raise InvalidInput where Django could read neither the header nor the body."""
    try:
        _, params = parse_header_parameters(header.decode("latin-1"))
        charset = params.get("charset", "")
        if _is_known(charset):
            # Some that are known are none of text, such as hex, or strict only.
            b"a".decode(charset, "replace")
    except (ValueError, LookupError) as exc:
        raise InvalidInput(
            "The Content-Type header cannot be read. Send text as UTF-8."
        ) from exc


def _is_known(charset: str) -> bool:
    """Whether Python knows it; Django takes what is not known for UTF-8."""
    try:
        return bool(charset and codecs.lookup(charset))
    except LookupError:
        return False


def part_meter(content_type: bytes, file_bytes: int) -> PartMeter | None:
    """Return what measures the parts, None without a boundary between them."""
    found = re.search(rb'boundary="?([^";,]{1,70})', content_type)
    if found is None:
        return None
    allowed = file_bytes + _PART_SLACK_BYTES
    return PartMeter(marker=b"--" + found[1].strip(), allowed=allowed)


@dataclass(slots=True)
class PartMeter:
    """Measures the parts of a multipart body as they pass by, and reads their heads.

    Attributes:
        head: what has come of the head of a part, None once it is over.
    """

    marker: bytes
    allowed: int
    size: int = 0
    tail: bytes = b""
    head: bytes | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            FileTooLarge: as soon as one part is over the limit.
            InvalidInput: the name of a file cannot be read.
        """
        data = self.tail + piece
        start = 0
        while (found := data.find(self.marker, start)) != -1:
            self._take(data, start, found)
            self.size, self.head = 0, b""
            start = found + len(self.marker)
        end = max(start, len(data) - len(self.marker) + 1)
        self._take(data, start, end)
        self.tail = data[end:]

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._grow(end - start)
        if self.head is None:
            return
        self.head += data[start : min(end, start + _PART_SLACK_BYTES)]
        if _END_OF_HEAD in self.head:
            _check_head(self.head.partition(_END_OF_HEAD)[0])
            self.head = None
        elif len(self.head) > _PART_SLACK_BYTES:
            self.head = None  # Django refuses a far shorter one.

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size > self.allowed:
            limit = self.allowed - _PART_SLACK_BYTES
            raise FileTooLarge(
                f"A file is larger than the limit of {in_words(limit)}. Split it, "
                "or ask your administrator.",
                detail={"limit_bytes": limit},
            )


def _check_head(head: bytes) -> None:
    """Raise InvalidInput for what Django's ``parse_boundary_stream`` would pass over."""
    for line in head.split(b"\r\n"):
        if line.partition(b":")[0].strip().lower() != b"content-disposition":
            continue
        try:
            _, params = parse_header_parameters(line.decode())
            for value in params.values():
                value.encode()
        except ValueError as exc:
            raise InvalidInput(
                "The name of a file that was sent cannot be read, so nothing was added. "
                "Send names as UTF-8."
            ) from exc


def in_words(size: int) -> str:
    return f"{size / 2**20:.0f} MB" if size >= 2**20 else f"{size / 2**10:.0f} kB"
