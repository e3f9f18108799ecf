"""What a file is, before anything reads it: size, name, type, digest. Pure.

Only the first and last kilobytes are looked at, plus one pass for the digest;
nothing is unpacked and nothing is parsed here, because this runs in the web
process.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ingestion.errors import (
    EmptyFile,
    FileTooLarge,
    UnsupportedType,
    WrongExtension,
)
from ingestion.filetypes import EXTENSIONS, sniff

# Extension to media type of everything that can be added.
SUPPORTED: dict[str, str] = EXTENSIONS

# Formats that are known but not read, with what to do about each.
_ADVICE = {
    ".doc": "Save it as .docx and add that.",
    ".dot": "Save it as .docx and add that.",
    ".xls": "Save it as .xlsx and add that.",
    ".ppt": "Save it as .pptx and add that.",
    ".pages": "Export it as PDF or .docx and add that.",
    ".numbers": "Export it as .xlsx and add that.",
    ".key": "Export it as PDF or .pptx and add that.",
    ".7z": "Unpack the archive and add the files in it, or pack them as .zip.",
    ".rar": "Unpack the archive and add the files in it, or pack them as .zip.",
    ".gz": "Unpack the archive and add the files in it, or pack them as .zip.",
    ".tar": "Unpack the archive and add the files in it, or pack them as .zip.",
}
_PICTURES = frozenset({".gif", ".bmp", ".heic", ".heif", ".svg", ".ico", ".avif"})
_PICTURE_ADVICE = "Save the picture as PNG or JPEG and add that."
_MAX_NAME_BYTES = 255
_STEP = 1 << 20
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A file that may be stored. ``name`` is for people, never for a path."""

    name: str
    media_type: str
    size_bytes: int
    digest: str


def inspect_upload(path: Path, name: str, *, max_bytes: int) -> Inspected:
    """Check a file and say what it is.

    Args:
        name: as the browser or client sent it.

    Raises:
        EmptyFile, FileTooLarge: by its size.
        UnsupportedType: nothing here reads it; the message says what to do.
        WrongExtension: the content is something else than the name says.
    """
    clean = clean_name(name)
    size = path.stat().st_size
    if size == 0:
        raise EmptyFile
    if size > max_bytes:
        raise FileTooLarge(
            f"The file is {_mb(size)} MB; the limit is {_mb(max_bytes)} MB. "
            "Split it, or ask your administrator."
        )
    media_type = _media_type(path, PurePosixPath(clean).suffix.lower())
    return Inspected(
        name=clean, media_type=media_type, size_bytes=size, digest=digest_of(path)
    )


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in steps of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_STEP):
            digest.update(block)
    return digest.hexdigest()


def one_line(text: str) -> str:
    """Return ``text`` as one line without control characters and direction overrides.

    It is the same however its accents are written: macOS makes them letters of their own.
    """
    return unicodedata.normalize("NFC", _UNSAFE.sub("", " ".join(text.split())))


def clean_name(name: str) -> str:
    """A file name that is safe to store and to show.

    Path parts, control characters and direction overrides (which make
    "fdp.exe" look like "exe.pdf") are removed; at most 255 bytes of UTF-8
    remain, with the extension kept.
    """
    text = name.encode("utf-8", "replace").decode("utf-8")
    text = unicodedata.normalize("NFC", _UNSAFE.sub("", text))
    text = re.split(r"[/\\]", text)[-1].strip().strip(".").strip()
    if len(text.encode()) > _MAX_NAME_BYTES:
        suffix = PurePosixPath(text).suffix[:20]
        room = _MAX_NAME_BYTES - len(suffix.encode())
        stem = text.removesuffix(suffix).encode()[:room]
        text = stem.decode("utf-8", "ignore").rstrip() + suffix
    return text or "untitled"


def _media_type(path: Path, extension: str) -> str:
    """The type by content, checked against the extension."""
    found = sniff(path, extension)
    expected = SUPPORTED.get(extension)
    if found.media_type is not None and expected in {None, found.media_type}:
        # A name without a known extension is judged by its content alone, if
        # the content says what it is; any bytes could be taken for plain text.
        if expected or not extension:
            return found.media_type
        raise _unsupported(extension)
    if expected is None:
        raise _unsupported(extension)
    raise WrongExtension(
        f"The name ends in {extension}, but the content is {found.description}. "
        "Rename the file to what it is, or save it again."
    )


def _unsupported(extension: str) -> UnsupportedType:
    advice = _ADVICE.get(extension)
    if extension in _PICTURES:
        advice = _PICTURE_ADVICE
    what = f"Files of the type {extension}" if extension else "Files of this type"
    kinds = ", ".join(sorted({e.removeprefix(".") for e in SUPPORTED}))
    return UnsupportedType(
        f"{what} cannot be read here. {advice or ''} ".replace("  ", " ")
        + f"These can be added: {kinds}."
    )


def _mb(size_bytes: int) -> str:
    """Megabytes of 2^20 bytes, as the setting counts; small sizes keep two digits."""
    mb = size_bytes / (1 << 20)
    return f"{mb:.0f}" if mb >= 10 else f"{mb:.2g}"
