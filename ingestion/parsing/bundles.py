"""ZIP archives read as one document: a file after the other, as pages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ingestion.errors import LimitExceeded, NoText, ParseFailed
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

ReadMember = Callable[[Source], Parsed]

# Notices name this many files that were not read, and count the others.
_MAX_NOTICES = 20


def parse_zip(source: Source, read: ReadMember) -> Parsed:
    """Read the files of an archive, each by its own kind.

    Args:
        read: parses one file, found out by its content and its name.

    Raises:
        LimitExceeded: the archive is a bomb, or holds nothing but archives
            inside archives.
        NoText: none of its files could be read.
    """
    from ingestion.unpacking import members

    pages: list[PageText] = []
    failures: list[tuple[str, ParseFailed]] = []
    with tempfile.TemporaryDirectory(prefix="archive-") as folder:
        for member in members(source.path, source.limits, Path(folder)):
            try:
                if member.problem:
                    raise _failure(member.problem, is_deep=member.is_too_deep)
                found = read(source.inner(member.path, member.name))
            except ParseFailed as exc:
                failures.append((member.name, exc))
                continue
            pages += _labelled(found, member.name, first=len(pages) + 1)
    if not any(page.text for page in pages):
        raise _nothing(failures)
    return Parsed(pages=tuple(pages), notices=tuple(_notices(failures)))


def _failure(problem: str, *, is_deep: bool) -> ParseFailed:
    return LimitExceeded(problem) if is_deep else ParseFailed(problem)


def _labelled(found: Parsed, name: str, *, first: int) -> list[PageText]:
    return [
        replace(page, number=first + i, label=f"{name} {page.label}".strip()[-200:])
        for i, page in enumerate(found.pages)
    ]


def _nothing(failures: list[tuple[str, ParseFailed]]) -> ParseFailed:
    """Say why an archive gave nothing, by its first file that had a reason."""
    if not failures:
        return NoText("The archive holds no files that can be read here.")
    name, reason = failures[0]
    kind = type(reason) if len(failures) == 1 else NoText
    if any(isinstance(exc, LimitExceeded) for _, exc in failures):
        kind = LimitExceeded
    return kind(
        f"None of the {len(failures)} files in the archive could be read. "
        f"The first, {name}: {reason.message}"
        if len(failures) > 1
        else f"The only file in the archive, {name}, was not read. {reason.message}"
    )


def _notices(failures: list[tuple[str, ParseFailed]]) -> list[str]:
    notices = [
        f"{name} was not read. {exc.message}" for name, exc in failures[:_MAX_NOTICES]
    ]
    if len(failures) > _MAX_NOTICES:
        rest = len(failures) - _MAX_NOTICES
        notices.append(f"{rest} more files in the archive were not read.")
    return notices
