"""ZIP-based files, checked before any library sees them.

Sizes in a ZIP directory are claims of whoever wrote the file, so they are
checked twice: as declared when the archive is opened, and as counted while an
entry is inflated.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ingestion.errors import Corrupt, Encrypted, LimitExceeded
from ingestion.types import ParseLimits

_STEP = 1 << 20
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_FLAG = 0x1
# Directory records are at least this long: a bound on entries before reading.
_MIN_RECORD_BYTES = 46
# Office files know no other ways to pack; rarer ones ask for memory in advance.
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# Ratios of tiny entries mean nothing.
_RATIO_FROM_BYTES = 1_000_000


class Archive:
    """An opened and checked ZIP file; ``read`` counts what it inflates."""

    def __init__(self, path: Path, limits: ParseLimits) -> None:
        self._limits = limits
        self._unpacked = 0
        self._zip = open_zip(path, limits)
        infos = self._zip.infolist()
        _check(infos, path.stat().st_size, limits)
        self._infos = {info.filename: info for info in infos}

    def names(self) -> list[str]:
        return list(self._infos)

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def read(self, name: str) -> bytes:
        """Return one entry.

        Raises:
            Corrupt: missing, or its data is damaged.
            LimitExceeded: it inflates past what a limit allows.
        """
        info = self._infos.get(name)
        if info is None:
            raise Corrupt
        if info.file_size > self._limits.max_entry_bytes:
            raise too_large("One part of it", self._limits.max_entry_bytes)
        out = bytearray()
        try:
            with self._zip.open(info) as entry:
                while block := entry.read(_STEP):
                    out += block
                    self._count(len(block), len(out))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as exc:
            raise Corrupt from exc
        except RuntimeError as exc:  # zipfile's word for "needs a password"
            raise Encrypted from exc
        return bytes(out)

    def check_markup(self) -> None:
        """Inflate all XML once, for a library that opens the file itself."""
        for name in self._infos:
            if name.endswith((".xml", ".rels")):
                self.read(name)
        self._unpacked = 0

    def _count(self, step: int, entry_bytes: int) -> None:
        self._unpacked += step
        if entry_bytes > self._limits.max_entry_bytes:
            raise too_large("One part of it", self._limits.max_entry_bytes)
        if self._unpacked > self._limits.max_unpacked_bytes:
            raise too_large("It", self._limits.max_unpacked_bytes)


def open_zip(path: Path, limits: ParseLimits) -> zipfile.ZipFile:
    """Open a ZIP file whose directory is not too large; nothing else is checked.

    Raises:
        Encrypted, Corrupt, LimitExceeded: see Archive.
    """
    with path.open("rb") as file:
        # Office puts a protected file, whatever its kind, into an OLE container.
        if file.read(len(_OLE)) == _OLE:
            raise Encrypted
    _bound_directory(path, limits)
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as exc:
        raise Corrupt from exc
    except NotImplementedError as exc:  # a version of the format to come
        raise Corrupt from exc


def _bound_directory(path: Path, limits: ParseLimits) -> None:
    """Refuse a directory of a million entries before it is read into memory."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 66_000))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 16:
        return
    claimed = int.from_bytes(tail[at + 12 : at + 16], "little")
    if claimed > limits.max_entries * 1024 * _MIN_RECORD_BYTES:
        raise too_many(limits)


def _check(infos: list[zipfile.ZipInfo], size_bytes: int, limits: ParseLimits) -> None:
    if len(infos) > limits.max_entries:
        raise too_many(limits)
    if any(info.flag_bits & _ENCRYPTED_FLAG for info in infos):
        raise Encrypted
    if any(info.compress_type not in METHODS for info in infos):
        raise Corrupt
    if any(leaves_folder(info.filename) for info in infos):
        raise Corrupt("The file holds parts with unsafe names and was not opened.")
    total = sum(info.file_size for info in infos)
    if total > limits.max_unpacked_bytes:
        raise too_large("It", limits.max_unpacked_bytes)
    check_ratio(total, size_bytes, limits)


def check_ratio(total_bytes: int, size_bytes: int, limits: ParseLimits) -> None:
    """Refuse what unpacks to far more than its size."""
    honest = limits.max_ratio * max(size_bytes, 1)
    if total_bytes > _RATIO_FROM_BYTES and total_bytes > honest:
        raise LimitExceeded(
            f"The file unpacks to more than {limits.max_ratio} times its size, "
            "as only damaged or harmful files do."
        )


def leaves_folder(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or "\0" in name


def too_large(what: str, limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"{what} unpacks to more than {limit // 1_000_000} MB, which is the limit. "
        "Split the document and add the parts."
    )


def too_many(limits: ParseLimits) -> LimitExceeded:
    return LimitExceeded(
        f"The file holds more than {limits.max_entries} parts, which is the limit."
    )
