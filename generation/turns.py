"""What the pages show of an answer: read from selectors, ready for a template."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import PurePath
from uuid import UUID

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from generation import courtesies
from generation.curating.approving import is_curated
from generation.models import Answer, Conversation, Feedback
from generation.rendering import render_answer
from generation.selectors import (
    WITHDRAWN,
    citations_of,
    conflict_of,
    form_of,
    sources_of,
)
from generation.services import filters_of
from generation.types import CitationFound, Conflict, SourceRef
from ingestion.models import Chunk, Collection, Document
from ingestion.visibility import documents_visible_to, held_to_floor
from rag_site.asking import Asker
from retrieval.filters import values_of

STARTERS = 3
_NOWHERE = UUID(int=0)
_BARE_REFUSAL = "Not in your documents."
# Chunks looked at for headings; the first ones are contents and introductions.
_CHUNKS_READ = 240
_MAX_HEADING = 70
_NUMBERING = re.compile(r"^[\dIVX]+(\.\d+)*[.)]?\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested:
    """A source and what it says; ``added_on`` where the days of all are known."""

    source: SourceRef
    added_on: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A collection to search in, as the picker offers it."""

    pk: str
    name: str
    is_picked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question with its answer.

    Attributes:
        html: the finished answer, "" while it is being written.
        cited, read: sources that the answer names, and those that were in the
            prompt without being named.
        closest: nearest passages of a refusal.
        contested: sources that disagree, each with its words.
        filters: those that were given beside the question, by name.
    """

    answer: Answer
    html: SafeString | str
    cited: Sequence[SourceRef] = ()
    read: Sequence[SourceRef] = ()
    closest: Sequence[SourceRef] = ()
    contested: Sequence[Contested] = ()
    feedback: Feedback | None = None
    unsupported: int = 0
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # The reader looks after a collection that was asked.
    is_curated: bool = False

    @property
    def is_settled(self) -> bool:
        return self.answer.state in Answer.SETTLED

    @property
    def is_courtesy(self) -> bool:
        """Whether it is a set reply, which there is nothing to judge or keep of."""
        return bool(self.answer.receipt.get("way") == courtesies.WAY)

    @property
    def plain(self) -> str:
        """The answer as text to copy and to speak, with the sources that it names."""
        named = self.cited or (self.shown if self.answer.is_refused else ())
        lines = [f"[{s.n}] {s.document}, page {s.page}" for s in named]
        if lines and self.answer.is_refused:
            lines.insert(0, "The closest passages are:")
        return "\n\n".join(filter(None, [self.answer.text, "\n".join(lines)]))

    @property
    def shown(self) -> Sequence[SourceRef]:
        return [*self.cited, *self.read, *self.closest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A question to begin with, and the document that it was drawn from."""

    question: str
    document: str


def turn_of(answer: Answer, asker: Asker) -> Turn:
    sources = sources_of(answer, asker)
    citations = citations_of(answer, sources)
    sources = with_words(sources, citations)
    contested = contested_of(conflict_of(answer, sources), sources)
    named = {n for citation in citations for n in citation.sources}
    told = {row.source.n: row.source for row in contested}
    named |= set(told)
    sources = [s if s.borne else told.get(s.n, s) for s in sources]
    is_done = answer.state in Answer.SETTLED
    return Turn(
        answer=answer,
        html=_html(answer, citations, sources) if is_done else "",
        cited=[s for s in sources if s.n in named],
        read=[s for s in sources if s.n not in named and s.in_prompt],
        closest=[s for s in sources if s.n not in named and not s.in_prompt],
        contested=contested,
        feedback=Feedback.objects.filter(answer=answer).first(),
        unsupported=sum(c.verdict == "unsupported" for c in citations),
        filters=values_of(filters_of(answer)),
        is_curated=is_done and is_curated(answer, asker),
    )


def choices_of(
    collections: Iterable[Collection], picked: Sequence[str]
) -> list[Choice]:
    """Return what the picker offers.

    One that was picked and is no longer the asker's to see stays until it is
    unticked: without it nothing would be ticked, and that means all.
    """
    seen = [
        Choice(pk=str(row.pk), name=row.name, is_picked=str(row.pk) in picked)
        for row in collections
    ]
    gone = sorted(set(picked) - {choice.pk for choice in seen})
    return [*seen, *(Choice(pk=pk, name=WITHDRAWN, is_picked=True) for pk in gone)]


def contested_of(
    conflict: Conflict | None, sources: Sequence[SourceRef]
) -> list[Contested]:
    """Return the sources that disagree; of one day, their days tell nothing."""
    if conflict is None:
        return []
    by_number = {source.n: source for source in sources}
    days = {statement.added_on for statement in conflict.statements}
    is_told = len(days) > 1 and None not in days
    return [
        Contested(
            source=replace(by_number[said.n], borne=said if said.quote else None),
            added_on=said.added_on if is_told else None,
        )
        for said in conflict.statements
    ]


def _html(
    answer: Answer, citations: Sequence[CitationFound], sources: Sequence[SourceRef]
) -> SafeString:
    form = form_of(answer)
    if form is None:
        return render_answer(_said(answer), citations, sources)
    shown = json.dumps(form, ensure_ascii=False, indent=2)
    return format_html("<pre><code>{}</code></pre>", shown)


def with_words(
    sources: Sequence[SourceRef], citations: Sequence[CitationFound]
) -> list[SourceRef]:
    """Return the sources with the first words of each that bear a sentence."""
    borne = {b.n: b for c in reversed(citations) for b in c.evidence if b.quote}
    return [replace(source, borne=borne.get(source.n)) for source in sources]


def _said(answer: Answer) -> str:
    """Return the text, without words that the heading of a refusal says already."""
    is_bare = answer.is_refused and len(answer.text) < len(_BARE_REFUSAL) + 2
    return "" if is_bare else answer.text


def by_day(
    conversations: Iterable[Conversation],
) -> list[tuple[str, list[Conversation]]]:
    """Group conversations, newest first, under the words people use for days."""
    today = timezone.localdate()
    grouped = groupby(conversations, key=lambda row: _day_words(row, today))
    return [(words, list(rows)) for words, rows in grouped]


def _day_words(conversation: Conversation, today: dt.date) -> str:
    age = (today - timezone.localdate(conversation.updated_at)).days
    if age <= 0:
        return "Today"
    if age == 1:
        return "Yesterday"
    return "Last 7 days" if age <= 7 else "Older"


def starters_for(asker: Asker) -> list[Starter]:
    """Draw questions from headings of the newest documents that can be searched."""
    rows = (
        documents_visible_to(asker)
        .filter(state=Document.State.READY, current_version__isnull=False)
        .select_related("current_version")
        .order_by("-updated_at")[:STARTERS]
    )
    documents = held_to_floor(asker.user_id, rows)
    headings = _headings_of([d.current_version_id for d in documents])
    return [
        _starter(d, headings.get(d.current_version_id or _NOWHERE, []))
        for d in documents
    ]


def _headings_of(versions: Sequence[UUID | None]) -> dict[UUID, list[str]]:
    rows = (
        Chunk.objects.filter(version__in=versions)
        .exclude(heading="")
        .order_by("ordinal")
        .values_list("version_id", "heading")[:_CHUNKS_READ]
    )
    found: dict[UUID, list[str]] = {}
    for version, path in rows:
        parts = path.split(" › ")
        heading = _NUMBERING.sub("", parts[-1].strip())
        if len(parts) > 1 and 3 < len(heading) <= _MAX_HEADING:
            found.setdefault(version, []).append(heading)
    return found


def _starter(document: Document, headings: list[str]) -> Starter:
    """Ask about a heading in the middle, where the substance is."""
    name = PurePath(document.name).stem
    if not headings:
        return Starter(question=f"What is “{name}” about?", document=document.name)
    heading = headings[len(headings) // 2]
    question = (
        heading
        if heading.endswith("?")
        else f"What does “{name}” say about “{heading}”?"
    )
    return Starter(question=question, document=document.name)
