"""The whole tables in which hits stand, read inside the asker's rights.

A hit is some rows of a table. What counts or compares rows needs all of them, and the
pages of a version keep them (ingestion.types.Block).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Length

from ingestion.models import Chunk, Page
from ingestion.visibility import reading_as
from retrieval.candidates import read_hits
from retrieval.types import Hit

#: Characters of a table that is read whole: some 10,000 rows.
MAX_CHARS = 2_000_000
# Long texts without pages are cut into parts (ingestion.parsing.pieces.in_parts).
_PART = re.compile(r"(?P<of>(?:.* )?part) \d+")


Parts = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A page without its text, which has ``size`` characters."""

    number: int
    start: int
    size: int
    blocks: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTable:
    """A table as ingestion wrote it.

    Attributes:
        hit: the passage that led to it.
        heading: the nearest above it on its page, "" for none.
        parts: where each of its parts begins in the text of the version, and its lines;
            none if it is longer than MAX_CHARS.
    """

    hit: Hit
    heading: str
    parts: Parts


def read_tables(hits: Sequence[Hit], user_id: int) -> list[StoredTable]:
    """Return the tables in which ``hits`` stand, each once, in the order of the hits."""
    wanted = Q(pk=None)
    for hit in hits:
        wanted |= Q(version=hit.version_id, number__range=(hit.page, hit.page_last))
    found: dict[tuple[UUID, int], StoredTable] = {}
    with reading_as(user_id):
        with_tables = Page.objects.filter(wanted, blocks__contains=[{"kind": "table"}])
        pages = list(with_tables.order_by("version", "number"))
        for hit in hits:
            for page in pages:
                for block in _tables_at(page, hit):
                    start, parts = _whole(page, block)
                    heading = _heading_above(page, block)
                    table = StoredTable(hit=hit, heading=heading, parts=parts)
                    found.setdefault((hit.version_id, start), table)
    return list(found.values())


def read_passages(
    version: UUID, spans: Iterable[tuple[int, int]], user_id: int
) -> list[Hit]:
    """Return the passages that hold characters of ``spans``, in their order."""
    wanted = Q(pk=None)
    for start, end in spans:
        wanted |= Q(start__lt=end, end__gt=start)
    chunks = Chunk.objects.filter(wanted, version=version).order_by("ordinal")
    ids = list(chunks.values_list("pk", flat=True))
    found = read_hits(user_id, ids)
    return [found[pk] for pk in ids if pk in found]


def _tables_at(page: Page, hit: Hit) -> list[Mapping[str, Any]]:
    """Return the tables of ``page`` in which ``hit`` stands."""
    if page.version_id != hit.version_id:
        return []
    return [
        block
        for block in page.blocks
        if block["kind"] == "table"
        and page.start + block["start"] < hit.end
        and page.start + block["end"] > hit.start
    ]


def _heading_above(page: Page, block: Mapping[str, Any]) -> str:
    above = [
        page.text[one["start"] : one["end"]]
        for one in page.blocks
        if one["kind"] == "heading" and one["end"] <= block["start"]
    ]
    return above[-1] if above else ""


def _whole(page: Page, block: Mapping[str, Any]) -> tuple[int, Parts]:
    """Return where a table begins, and all of its parts; none if it is too long."""
    start, end = block["start"], block["end"]
    pages = _pages_of(page) if _PART.fullmatch(page.label) else []
    run = _run_of(pages, page.number, block)
    if len(run) < 2:
        part = (page.start + start, page.text[start:end])
        return part[0], (part,) if len(part[1]) <= MAX_CHARS else ()
    if sum(one.size for one in run) > MAX_CHARS:
        return run[0].start, ()
    numbers = [one.number for one in run]
    texts = Page.objects.filter(version=page.version_id, number__in=numbers)
    parts = []
    for one in texts.order_by("number"):
        held = one.blocks[-1 if one.number == numbers[0] else 0]
        parts.append((one.start + held["start"], one.text[held["start"] : held["end"]]))
    return parts[0][0], tuple(parts)


def _pages_of(page: Page) -> list[_Part]:
    """Return the parts of the text that ``page`` is a part of."""
    part = _PART.fullmatch(page.label)
    before = f"{part['of']} " if part else page.label
    pages = Page.objects.filter(version=page.version_id, label__startswith=before)
    fields = ("number", "start", "size", "blocks")
    rows = pages.annotate(size=Length("text")).order_by("number").values(*fields)
    return [_Part(**row) for row in rows]


def _run_of(
    pages: Sequence[_Part], number: int, block: Mapping[str, Any]
) -> Sequence[_Part]:
    """Return the pages over which a table on page ``number`` goes on."""
    at = next((i for i, page in enumerate(pages) if page.number == number), None)
    if at is None:
        return ()
    first = last = at
    if block == pages[at].blocks[0]:
        while first and _goes_on(pages[first - 1], pages[first]):
            first -= 1
            if len(pages[first].blocks) > 1:
                break
    if block == pages[at].blocks[-1]:
        while last + 1 < len(pages) and _goes_on(pages[last], pages[last + 1]):
            last += 1
            if len(pages[last].blocks) > 1:
                break
    return pages[first : last + 1]


def _goes_on(page: _Part, following: _Part) -> bool:
    """Whether a table is cut by the end of ``page``."""
    if not (page.blocks and following.blocks):
        return False
    above, below = page.blocks[-1], following.blocks[0]
    is_table = above["kind"] == below["kind"] == "table"
    return is_table and bool(above["end"] == page.size and below["start"] == 0)
