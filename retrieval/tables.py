"""The whole tables in which hits stand, read inside the asker's rights.

A hit is some rows of a table. What counts or compares rows needs all of them, and the
pages of a version keep them (ingestion.types.Block).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from ingestion.models import Chunk, Page
from ingestion.visibility import reading_as
from retrieval.candidates import read_hits
from retrieval.types import Hit

#: Characters of a table that is read whole: some 10,000 rows.
MAX_CHARS = 2_000_000

Parts = tuple[tuple[int, str], ...]
Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTable:
    """A table as ingestion wrote it.

    Attributes:
        hit: the passage that led to it.
        heading: the nearest above it on its page, "" for none.
        parts: where each of its parts begins in the text of the version, and its lines;
            none if it is longer than MAX_CHARS, or was read by an earlier release.
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


def _tables_at(page: Page, hit: Hit) -> list[Block]:
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


def _heading_above(page: Page, block: Block) -> str:
    above = [
        page.text[one["start"] : one["end"]]
        for one in page.blocks
        if one["kind"] == "heading" and one["end"] <= block["start"]
    ]
    return above[-1] if above else ""


def _whole(page: Page, block: Block) -> tuple[int, Parts]:
    """Return where a table begins, and all of its parts; none if it is too long.

    None too of one that was read before parts said that they continue: it may go on.
    """
    if "continues" not in block:
        return page.start + block["start"], ()
    run = _run_of(page, block)
    first = run[0][0].start + run[0][1]["start"]
    if sum(one["end"] - one["start"] for _, one in run) > MAX_CHARS:
        return first, ()
    numbers = [of.number for of, _ in run]
    pages = Page.objects.filter(version=page.version_id, number__in=numbers)
    texts = dict(pages.values_list("number", "text"))
    return first, tuple(
        (of.start + one["start"], texts[of.number][one["start"] : one["end"]])
        for of, one in run
    )


def _run_of(page: Page, block: Block) -> list[tuple[Page, Block]]:
    """Return the parts of a table of ``page``, each with its page, in their order."""
    pages = Page.objects.filter(version=page.version_id)
    continuing = pages.filter(blocks__contains=[{"kind": "table", "continues": True}])
    numbers = set(continuing.values_list("number", flat=True))
    first = last = page.number
    while first in numbers:
        first -= 1
    while last + 1 in numbers:
        last += 1
    near = pages.filter(number__range=(first, last)).defer("text").order_by("number")
    run: list[tuple[Page, Block]] = []
    for one in near:
        for table in (b for b in one.blocks if b["kind"] == "table"):
            if not table.get("continues"):
                if (page.number, block) in [(of.number, b) for of, b in run]:
                    return run
                run = []
            run.append((one, table))
    return run
