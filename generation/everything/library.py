"""All that the asker of one question may read, for questions over everything.

Each call is some statements in a thread; nothing holds a connection in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from generation import config
from generation.database import in_thread
from generation.everything.kinds import Wanted
from ingestion.embedding import Embedder, Vectors, get_embedder
from ingestion.models import EmbeddingSpace
from ingestion.spaces import live_space
from ingestion.visibility import Visible
from retrieval import everything
from retrieval.copies import drop_copies
from retrieval.everything import Documents, Listed, Mentions, Sought
from retrieval.filters import TYPES, Filters
from retrieval.search import search
from retrieval.tables import StoredTable, read_passages, read_tables
from retrieval.types import Hit, RetrievalConfig, SearchResult

# Hits of a search that wants all of them, not the best few.
_DEEP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Passages that speak of a topic, best first, copies left out.

    Attributes:
        total: how many there are; more than ``hits`` where they are very many.
    """

    total: int
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Vectors, a row a text, (n, dimension), of length 1."""

    model: str
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Library:
    """``filters`` are those typed and given beside the question; all must hold."""

    visible: Visible
    filters: tuple[Filters, ...] = ()
    embedder: Embedder | None = None

    async def find(self, question: str) -> tuple[SearchResult, EmbeddingSpace | None]:
        """Return what the usual search finds, and the space that it met."""
        return await in_thread(self._find, question)

    def _find(self, question: str) -> tuple[SearchResult, EmbeddingSpace | None]:
        space = live_space()
        return self._search(question, config.retrieval_config()), space

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Return vectors of ``texts`` and the name of the model that made them.

        Raises:
            EmbedderUnavailable
        """
        embedder = self.embedder or get_embedder()
        vectors = await in_thread(embedder.embed_passages, texts)
        return Embedded(model=embedder.name, vectors=vectors)

    async def documents(self, wanted: Wanted, limit: int) -> Documents:
        """Return the documents that are wanted, the newest first."""
        sought = Sought(
            topic=wanted.topic,
            as_phrase=wanted.is_phrase,
            named=wanted.named,
            collection=wanted.collection,
            is_oldest=wanted.is_oldest,
            limit=limit,
        )
        return await in_thread(
            everything.find_documents, sought, self.visible, self._narrowed(wanted)
        )

    async def mentions(self, wanted: Wanted) -> Mentions:
        return await in_thread(
            everything.count_mentions, wanted.topic, self.visible, self.filters
        )

    async def with_passages(
        self, documents: Documents, rows: Sequence[Listed]
    ) -> list[Listed]:
        return await in_thread(everything.with_passages, documents, rows, self.visible)

    async def listed(self, documents: Iterable[UUID]) -> dict[UUID, Listed]:
        return await in_thread(everything.find_listed, self.visible, set(documents))

    async def tables(self, hits: Sequence[Hit]) -> list[StoredTable]:
        """Return the whole tables in which ``hits`` stand."""
        return await in_thread(read_tables, hits, self.visible.user_id)

    async def passages(
        self, version: UUID, spans: Sequence[tuple[int, int]]
    ) -> list[Hit]:
        """Return the passages of a version that hold characters of ``spans``."""
        return await in_thread(read_passages, version, spans, self.visible.user_id)

    async def matching(self, topic: str, least_share: float) -> Matching:
        """Return the passages with all words of ``topic``, and those near it.

        Args:
            least_share: of the best score, which a passage without the words needs.
        """
        return await in_thread(self._matching, topic, least_share)

    async def near(self, question: str) -> tuple[Hit, ...]:
        """Return more of what the usual search finds, best first."""
        return await in_thread(self._near, question)

    def _near(self, question: str) -> tuple[Hit, ...]:
        settings = config.retrieval_config()
        deep = replace(
            settings,
            k=_DEEP,
            candidates=max(_DEEP, settings.candidates),
            decay=1.0,
            rerank=0,
            neighbours=False,
        )
        return self._search(question, deep).hits

    def _search(self, question: str, settings: RetrievalConfig) -> SearchResult:
        return search(
            question,
            self.visible,
            settings,
            filters=self.filters,
            embedder=self.embedder,
        )

    def _matching(self, topic: str, least_share: float) -> Matching:
        worded = everything.find_passages(topic, self.visible, self.filters)
        deep = self._near(topic)
        least = least_share * deep[0].score if deep else 0.0
        with_words = {hit.chunk_id for hit in worded.hits}
        near = [h for h in deep if h.chunk_id in with_words or h.score >= least]
        known = {hit.chunk_id for hit in near}
        rest = [hit for hit in worded.hits if hit.chunk_id not in known]
        hits = tuple(drop_copies([*near, *rest]))
        return Matching(total=len(hits) + worded.total - len(worded.hits), hits=hits)

    def _narrowed(self, wanted: Wanted) -> tuple[Filters, ...]:
        own = Filters(
            media_types=TYPES.get(wanted.media, ()),
            after=wanted.period.after,
            before=wanted.period.before,
        )
        return (*self.filters, own)
