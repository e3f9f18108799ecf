"""Questions about documents, answered from their rows: counted, listed, the latest.

No model is asked. The number comes from the database; each document that is listed
cites its passage, so that it is held to its source like any sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from generation.drafts import Asked, Draft, Means
from generation.everything.kinds import ROWS, Kind, Wanted
from generation.everything.library import Library
from generation.everything.newest import newest_of
from generation.grounding.evidence import passage_of
from generation.grounding.words import claim_of
from generation.guards.guarding import NOT_IN_DOCUMENTS
from generation.showing import as_sources, cited_line, closest, unread_notice
from generation.types import (
    CitationFound,
    Event,
    Notice,
    SourceRef,
    Sources,
    Token,
)
from ingestion.masking import mask
from retrieval.everything import Documents, Listed, Mentions
from retrieval.types import Hit

# Documents that an answer lists, and those shown beside a number.
LISTED, SHOWN = 50, 10
# Documents whose names are looked at for a date.
_COMPARED = 2_000
# What Markdown or a citation mark would make something else of, in a name or a cell.
PLAIN = str.maketrans("[]<>`*", "()‹›'·")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the rows say.

    Attributes:
        head: the sentence above the list, "" for none.
        rows: with their passages.
        notes: what stands behind the name of each.
        total: documents found, of which ``rows`` are the first.
    """

    head: str
    rows: Sequence[Listed]
    notes: Sequence[str]
    total: int


async def tell_documents(
    question: str, wanted: Wanted, asked: Asked, means: Means, draft: Draft
) -> list[Event]:
    """Return the events of an answer from rows, none if passages must answer it.

    Why they must is then in ``draft.notices``.
    """
    library = means.library
    if wanted.kind not in ROWS or library is None:
        return []
    if wanted.is_negated:
        draft.notices.append(_notice("documents_negated", _NEGATED))
        return []
    if wanted.is_dated:
        draft.notices.append(_notice("documents_dated", _DATED))
        return []
    wanted, documents = await _find(wanted, library, draft)
    if not documents.has_words or (wanted.named and not documents.total):
        draft.notices.append(_cannot(wanted, documents))
        return []
    draft.lap("count")
    found = None if documents.total else await means.find(question)
    if found and _is_near(wanted, found.hits):
        draft.notices.append(_notice("documents_unknown", _unspelled(wanted)))
        return []
    draft.receipt |= {
        "way": wanted.kind.value,
        "documents": {"found": documents.total, "searched": documents.searched},
    }
    if asked.unread:
        draft.notices.insert(0, unread_notice(asked.unread))
    draft.notices.append(_coverage(wanted, documents))
    if found:
        end = draft.done(NOT_IN_DOCUMENTS, refused=True)
        return [Sources(sources=closest(found.hits)), *draft.notices, end]
    listing = await _list(wanted, documents, library, draft)
    return _written(listing, wanted, means, draft)


def _is_near(wanted: Wanted, hits: Sequence[Hit]) -> bool:
    """Whether a passage has what tells the topic, other words left aside.

    Clause 7.3 stands as "7.3" in a contract. Of documents that are narrowed besides
    the passages need not be.
    """
    if wanted.media or wanted.period or wanted.collection:
        return False
    claim = claim_of(wanted.topic)
    telling = claim.names | claim.numbers or claim.terms
    held = (claim_of(f"{hit.heading} {hit.text}").terms for hit in hits)
    return bool(telling) and any(telling <= terms for terms in held)


async def _find(
    wanted: Wanted, library: Library, draft: Draft
) -> tuple[Wanted, Documents]:
    """Return the documents; of a kind that no document is named, all that match."""
    limit = _COMPARED if wanted.kind == Kind.LATEST_DOCUMENT else LISTED
    documents = await library.documents(wanted, limit)
    if not (wanted.named and wanted.topic and documents.has_words):
        return wanted, documents
    anyway = replace(wanted, named="")
    if documents.total:
        every = await library.documents(anyway, 1)
        others = every.total - documents.total
        draft.notices.append(_notice("documents_named", _named(wanted, others)))
        return wanted, documents
    draft.notices.append(_notice("documents_named", f"{_unnamed(wanted)} {_ALL}"))
    return anyway, await library.documents(anyway, limit)


async def _list(
    wanted: Wanted, documents: Documents, library: Library, draft: Draft
) -> Listing:
    head, rows = _head(wanted, documents), documents.rows
    notes = [f"added {row.added}" for row in rows]
    if wanted.kind == Kind.COUNT_DOCUMENTS:
        rows = rows[:SHOWN]
    elif wanted.kind == Kind.COUNT_MENTIONS:
        said = await library.mentions(wanted)
        draft.receipt["documents"]["mentions"] = said.count
        head, rows = _mentioned(wanted, said), rows[:SHOWN]
    elif wanted.kind == Kind.LATEST_DOCUMENT:
        head, rows, notes = _latest(wanted, documents, draft)
    shown = await library.with_passages(documents, rows)
    if len(shown) < documents.total and wanted.kind == Kind.LIST_DOCUMENTS:
        draft.notices.append(_cut(len(shown), documents.total))
    return Listing(head=head, rows=shown, notes=notes, total=documents.total)


def _mentioned(wanted: Wanted, said: Mentions) -> str:
    topic = _quoted(wanted.topic).translate(PLAIN)
    if not said.count:
        return f"{topic} stands in headings only:"
    times = "once" if said.count == 1 else f"{said.count:,} times"
    return f"{topic} is mentioned {times} in {_documents(said.documents, wanted)}:"


def _latest(
    wanted: Wanted, documents: Documents, draft: Draft
) -> tuple[str, tuple[Listed, ...], list[str]]:
    """Return the latest documents, with a notice of the date it was told by."""
    newest = newest_of(documents.rows, is_oldest=wanted.is_oldest)
    assert newest is not None  # noqa: S101 - there are documents
    rows, same = newest.rows[:SHOWN], len(newest.rows)
    which = "oldest" if wanted.is_oldest else "latest"
    told = f"The {which} of {_documents(documents.total, wanted)}, {newest.how}."
    compared = len(documents.rows)
    if compared < documents.total:
        told += f" Only the {compared:,} of them that were added {which} were compared."
    if newest.is_by_name and newest.compared < compared:
        told += f" {compared - newest.compared:,} have no date in their name."
    if same > 1 and not newest.is_by_name:
        # Rows come by the moment of adding.
        rows = newest.rows[:1]
        told += f" {same} were added on that day; this one was added "
        told += "first." if wanted.is_oldest else "last."
    draft.notices.append(_notice("latest_by", told))
    return "", rows, [newest.note] * len(rows)


def _written(
    listing: Listing, wanted: Wanted, means: Means, draft: Draft
) -> list[Event]:
    """Return sources, notices, the text, a citation for each document, and the end."""
    with_hits = [row.hit for row in listing.rows if row.hit]
    sources = as_sources(with_hits, in_prompt=False)
    numbered = {source.version_id: source for source in sources}
    text, cited = listing.head, []
    for row, note in zip(listing.rows, listing.notes, strict=False):
        source = numbered.get(row.version_id)
        line = mask(f"“{row.name.translate(PLAIN)}”, {note}", means.masks)
        text += "\n\n" if text == listing.head and text else "\n" if text else ""
        start = len(text) + len("- ")
        text += f"- {line} [{source.n}]" if source else f"- {line}"
        if source:
            cited.append(_cited(source, line, wanted.topic, (start, len(text))))
    more = listing.total - len(listing.rows)
    if more > 0 and wanted.kind != Kind.LATEST_DOCUMENT:
        text += f"\n\nAnd {more:,} more."
    end = draft.done(text, refused=False, outcome="answered")
    return [
        Sources(sources=tuple(sources)), *draft.notices, Token(text=text), *cited, end
    ]  # fmt: skip


def _cited(
    source: SourceRef, line: str, topic: str, span: tuple[int, int]
) -> CitationFound:
    """Return the citation of a listed document, with the words that speak of ``topic``."""
    terms = claim_of(topic).terms
    parts = passage_of(source.quote).parts
    best = max(parts, key=lambda part: len(terms & part.claim.terms), default=None)
    words = None
    if best is not None and terms & best.claim.terms:
        words = best.start, best.end
    return cited_line(source, line, span, words)


def _head(wanted: Wanted, documents: Documents) -> str:
    """Return "3 documents of type pdf mention “pumps”, added since 2024-01-01:"."""
    one = documents.total == 1
    parts = [_documents(documents.total, wanted)]
    if wanted.topic:
        parts.append(f"{'mentions' if one else 'mention'} {_quoted(wanted.topic)}")
    else:
        parts.append("was found" if one else "were found")
    told = " ".join(parts)
    if wanted.period:
        told += f", added {wanted.period}"
    if wanted.collection:
        told += f", in the collection “{wanted.collection}”"
    return f"{told}:".translate(PLAIN)


def _documents(count: int, wanted: Wanted) -> str:
    noun = "1 document" if count == 1 else f"{count:,} documents"
    return f"{noun} of type {wanted.media}" if wanted.media else noun


def _quoted(topic: str) -> str:
    return topic if topic[0] in '"“' else f"“{topic}”"


_NEGATED = (
    "Which documents do not mention something cannot be told here. This answer rests "
    "on the best passages only."
)
_DATED = (
    "What time a document is of is not known here, only when it was added. This answer "
    "rests on the best passages only, and nothing was counted."
)
_ALL = "All documents were taken."


def _unspelled(wanted: Wanted) -> str:
    return (
        f"No passage has {_quoted(wanted.topic)} as it is spelled here, but there are some "
        "near it. This answer rests on the best passages only."
    )


def _unnamed(wanted: Wanted) -> str:
    return f"No document has “{wanted.noun}” in its name, title, folder or tags."


def _named(wanted: Wanted, others: int) -> str:
    told = f"Documents with “{wanted.noun}” in their name, title, folder or tags were taken."
    if others == 1:
        return f"{told} 1 other document mentions {_quoted(wanted.topic)} too."
    mention = f"other documents mention {_quoted(wanted.topic)} too."
    return f"{told} {others:,} {mention}" if others else told


def _cannot(wanted: Wanted, documents: Documents) -> Notice:
    if not documents.has_words:
        told = f"{_quoted(wanted.topic)} has no word that could be looked for in all documents."
    else:
        told = _unnamed(wanted)
    return _notice(
        "documents_unknown", f"{told} This answer rests on the best passages only."
    )


def _coverage(wanted: Wanted, documents: Documents) -> Notice:
    searched = documents.searched
    told = (
        "The 1 document that you may read was looked through."
        if searched == 1
        else f"All {searched:,} documents that you may read were looked through."
    )
    if " " in wanted.topic and not wanted.is_phrase and '"' not in wanted.topic:
        told += " A document counts if one of its passages has all of the words."
    return _notice("coverage", told)


def _cut(shown: int, total: int) -> Notice:
    return _notice(
        "list_cut",
        f"{shown} of {total:,} documents are listed. Narrow the question to see others.",
    )


def _notice(code: str, message: str) -> Notice:
    return Notice(code=code, message=message)
