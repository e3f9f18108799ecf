"""The files inside a ZIP archive, unpacked one at a time. Pure.

An archive is refused as a whole where it lies about itself: entries that share
bytes, more entries or more bytes than the limits, or a ratio that only bombs
have. What is wrong with one entry (a password, a link, a name that leaves the
folder, damage) is said of that entry, and the others are unpacked.

No name from an archive ever becomes a path: files are numbered.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

from ingestion.errors import Corrupt, LimitExceeded, ParseFailed
from ingestion.parsing.archives import (
    METHODS,
    check_ratio,
    leaves_folder,
    open_zip,
    too_large,
    too_many,
)
from ingestion.types import ParseLimits
from ingestion.uploads import clean_name

# Archives in archives: one more level is read, a deeper one is reported.
_MAX_DEPTH = 2
_STEP = 1 << 20
_ENCRYPTED_FLAG, _UTF8_FLAG = 0x1, 0x800
_LOCAL_HEADER_BYTES = 30
# What systems leave in archives and no person put there.
_JUNK_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_JUNK_FOLDERS = frozenset({"__macosx"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of an archive.

    Attributes:
        name: where it lies in the archive, its parts joined by slashes; parts
            of archives inside come after the inner archive's own name.
        path: where it was unpacked. The file is removed when the next member
            is asked for, unless it was moved away.
        problem: why it was not unpacked, a sentence; then nothing is at ``path``.
        is_too_deep: whether it is an archive too deep inside others.
    """

    name: str
    path: Path
    problem: str = ""
    is_too_deep: bool = False


@dataclass(slots=True)
class _Room:
    """What is left of the limits, over all archives inside one another."""

    limits: ParseLimits
    folder: Path
    entries: int = 0
    unpacked: int = 0
    files: int = field(default=0)

    def new_path(self) -> Path:
        self.files += 1
        return self.folder / f"member-{self.files}"


def members(path: Path, limits: ParseLimits, folder: Path) -> Iterator[Member]:
    """Unpack an archive file by file into ``folder``; see Member for how long.

    Folders and what systems leave behind (``.DS_Store``) are left out.

    Raises:
        Corrupt: it is no archive, or its entries share bytes.
        LimitExceeded: too many entries, too many bytes, or a bomb's ratio.
    """
    yield from _members(path, _Room(limits, folder), prefix="", depth=1)


def _members(path: Path, room: _Room, *, prefix: str, depth: int) -> Iterator[Member]:
    with open_zip(path, room.limits) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        _check(infos, path.stat().st_size, room)
        for info in infos:
            name = _name(info)
            if not _is_junk(name):
                yield from _opened(archive, info, room, prefix + name, depth)


def _opened(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, room: _Room, name: str, depth: int
) -> Iterator[Member]:
    """Yield one entry, or the members of one that is an archive itself."""
    target = room.new_path()
    is_archive = name.lower().endswith(".zip")
    problem = _problem(info, room.limits)
    is_too_deep = is_archive and depth >= _MAX_DEPTH
    if is_too_deep:
        problem = "It is an archive too deep inside others. Add it by itself."
    try:
        problem = problem or _unpacked(archive, info, target, room)
        if problem or not is_archive:
            shown = _shown(name)
            yield Member(
                name=shown, path=target, problem=problem, is_too_deep=is_too_deep
            )
        else:
            yield from _inner(target, room, name, depth)
    finally:
        target.unlink(missing_ok=True)


def _inner(path: Path, room: _Room, name: str, depth: int) -> Iterator[Member]:
    try:
        yield from _members(path, room, prefix=f"{name}/", depth=depth + 1)
    except LimitExceeded:
        raise
    except ParseFailed as exc:
        yield Member(name=_shown(name), path=room.new_path(), problem=exc.message)


def _check(infos: list[zipfile.ZipInfo], size_bytes: int, room: _Room) -> None:
    """Refuse what no honest archive does."""
    room.entries += len(infos)
    if room.entries > room.limits.max_entries:
        raise too_many(room.limits)
    total = sum(info.file_size for info in infos)
    if room.unpacked + total > room.limits.max_unpacked_bytes:
        raise too_large("It", room.limits.max_unpacked_bytes)
    check_ratio(total, size_bytes, room.limits)
    spans = sorted(
        (info.header_offset, info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size)
        for info in infos
    )  # fmt: skip
    if any(start < 0 or end > size_bytes for start, end in spans):
        raise Corrupt
    if any(end > start for (_, end), (start, _) in pairwise(spans)):
        raise Corrupt("The parts of this archive overlap. It was not opened.")


def _problem(info: zipfile.ZipInfo, limits: ParseLimits) -> str:
    """Say why an entry is not unpacked; nothing if it may be."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if leaves_folder(info.filename):
        return "Its name points outside the archive."
    if kind not in {0, stat.S_IFREG}:
        return "It is a link or a device and no file."
    if info.flag_bits & _ENCRYPTED_FLAG:
        return (
            "It is protected with a password. Pack the archive again without a "
            "password, or add the file by itself."
        )
    if info.compress_type not in METHODS:
        return "It is packed in a way that cannot be read here. Add it by itself."
    if info.file_size > limits.max_entry_bytes:
        size, limit = info.file_size // 1_000_000, limits.max_entry_bytes // 1_000_000
        return f"It unpacks to {size} MB; the limit is {limit} MB."
    return ""


def _unpacked(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, room: _Room
) -> str:
    """Write an entry to ``target``, counting what it inflates to; "" if it worked."""
    try:
        with archive.open(info) as entry, target.open("xb") as out:
            while block := entry.read(_STEP):
                room.unpacked += len(block)
                if room.unpacked > room.limits.max_unpacked_bytes:
                    raise too_large("It", room.limits.max_unpacked_bytes)
                out.write(block)
    except (
        zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError,
    ):  # fmt: skip
        return "It is damaged in the archive."
    return ""


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: many programs write UTF-8 without saying so."""
    if info.flag_bits & _UTF8_FLAG:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _shown(name: str) -> str:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(clean_name(part) for part in parts if part.strip("/. "))


def _is_junk(name: str) -> bool:
    *folders, last = PurePosixPath(name.replace("\\", "/").lower()).parts or ("",)
    is_double = last.startswith("._")
    return is_double or last in _JUNK_NAMES or not _JUNK_FOLDERS.isdisjoint(folders)
