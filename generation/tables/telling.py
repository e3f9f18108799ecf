"""A question about the rows of a table, answered from all of them. No model is asked.

The number comes from the rows, and each row that is shown cites its passage, so that it
is held to its source like any sentence. What no table tells for sure is left to the
passages (generation.answering).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from generation.drafts import Asked, Draft, Means
from generation.everything.kinds import Kind, Wanted
from generation.everything.library import Library
from generation.everything.listing import PLAIN
from generation.showing import as_sources, cited_line, unread_notice
from generation.tables.asking import understand, wants_rows
from generation.tables.grid import read_table
from generation.tables.known import Known
from generation.tables.reading import Unclear
from generation.tables.running import run
from generation.tables.wording import Told, not_told
from generation.types import (
    CitationFound,
    Event,
    Notice,
    SourceRef,
    Sources,
    Token,
)
from ingestion.masking import mask
from retrieval.tables import StoredTable
from retrieval.types import SearchResult

# Tables that answer the same question, the best hit's first.
_TABLES = 3
# Comparisons, and the latest of documents, have ways of their own.
_KINDS = frozenset((Kind.FACT, Kind.LIST, Kind.COUNT))


async def tell_rows(
    question: str,
    wanted: Wanted,
    found: SearchResult,
    asked: Asked,
    means: Means,
    draft: Draft,
) -> list[Event]:
    """Return the events of an answer from rows, none if passages must answer it.

    A number of rows that could not be told is then in ``draft.notices``.
    """
    library = means.library
    if library is None or wanted.kind not in _KINDS or asked.schema is not None:
        return []
    tables = await library.tables(found.hits)
    told, untold = await asyncio.to_thread(_told, question, tables)
    draft.lap("rows")
    if not told:
        draft.notices += untold[:1]
        return []
    draft.receipt |= {"way": "table rows", "tables": [one.receipt() for one in told]}
    if asked.unread:
        draft.notices.append(unread_notice(asked.unread))
    draft.notices += [one.notice() for one in told]
    return await _written(told, library, means, draft)


def _told(
    question: str, tables: Sequence[StoredTable]
) -> tuple[list[Told], list[Notice]]:
    """Return what tables say, and of which rows are asked for and cannot be told."""
    told: list[Told] = []
    untold: list[Notice] = []
    # A copy of a document has nothing more to say.
    different = {tuple(text for _, text in one.parts): one for one in reversed(tables)}
    for stored in reversed(different.values()):
        table = read_table(stored.parts)
        if table is None:
            continue
        path = stored.hit.heading.partition("\n")[0]
        known = Known(table, stored.hit.document, path, stored.heading)
        try:
            query = understand(question, known)
            result = run(query, known)
        except Unclear:
            op = wants_rows(question, known)
            untold += [not_told(op, stored)] if op else []
        else:
            told.append(Told(stored=stored, known=known, query=query, result=result))
    return told[:_TABLES], untold


async def _written(
    told: Sequence[Told], library: Library, means: Means, draft: Draft
) -> list[Event]:
    """Return sources, notices, the text, a citation for each row, and the end."""
    sources: list[SourceRef] = []
    cited: list[CitationFound] = []
    text = ""
    for one in told:
        spans = [(row.start, row.end) for row in one.shown]
        hits = await library.passages(one.stored.hit.version_id, spans)
        own = as_sources(hits, first=len(sources) + 1, in_prompt=False)
        sources += own
        head = one.head or (
            f"In “{one.name.translate(PLAIN)}”:" if len(told) > 1 else ""
        )
        text += ("\n\n" if text else "") + mask(head, means.masks)
        mark = "\n- " if head or len(one.shown) > 1 else ""
        for row in one.shown:
            text += mark if text else mark.lstrip("\n")
            line = mask(one.line(row), means.masks)
            source = next((s for s in own if s.start <= row.start < s.end), None)
            start = len(text)
            text += f"{line} [{source.n}]" if source else line
            if source:
                words = (
                    row.start - source.start,
                    min(row.end, source.end) - source.start,
                )
                cited.append(cited_line(source, line, (start, len(text)), words))
        more = len(one.rows) - len(one.shown)
        text += f"\n\nAnd {more:,} more." if more > 0 else ""
    end = draft.done(text, refused=False, outcome="answered")
    return [
        Sources(sources=tuple(sources)), *draft.notices, Token(text=text), *cited, end
    ]  # fmt: skip
