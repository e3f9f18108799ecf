"""Upload to searchable: claim, parse, chunk, embed, store.

Any step may be run again: nothing is written before ``store``, which replaces
everything in one transaction and only for the worker that holds the document.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import DatabaseError
from tokenizers import Tokenizer

from ingestion.chunking import split
from ingestion.embedding import Embedder, Vectors, load_embedder, tokenizer_for, unit
from ingestion.errors import LeaseLost, NoText, ParseCancelled, ParseFailed
from ingestion.filing import file_of
from ingestion.leasing import (
    Claim,
    Heartbeat,
    claim,
    give_back,
    kept_alive,
    mark_failed,
)
from ingestion.models import Document, Embedding, EmbeddingSpace
from ingestion.parsing import PARSER_VERSION
from ingestion.sandbox import parse_in_child
from ingestion.spaces import ensure_live_space
from ingestion.storing import Reading, store, text_digest
from ingestion.types import ChunkingConfig, Parsed, ParseJob, ParseLimits, Passage
from ingestion.yielding import wait_for_quiet
from rag_site.errors import RagError
from rag_site.logs import new_reference, referenced, timed

logger = logging.getLogger(__name__)

# Texts between two looks at cancellation and at waiting questions: half a second
# of work on a slow machine.
_STRIDE = 32
# Seconds that one stride waits for questions being answered. Reading goes on
# slowly even under a question without end.
_MAX_YIELD_S = 10.0
# What Postgres or the encoding of text cannot hold, and the mark between pages.
_UNSTORABLE = re.compile("[\x00\f\ud800-\udfff]")


def ingest(
    document_id: UUID,
    *,
    embedder: Embedder | None = None,
    tokenizer: Tokenizer | None = None,
    on_beat: Callable[[], None] = lambda: None,
) -> bool:
    """Read the document if it waits and nobody has it; return whether it was ours.

    How it went is in the row. ``on_beat`` runs as long as the work goes on.
    """
    claimed = claim(document_id)
    if claimed is None:
        return False
    with referenced(new_reference()):
        _settled(claimed, lambda: _read(claimed, embedder, tokenizer, on_beat))
    return True


def _settled(claimed: Claim, work: Callable[[], None]) -> None:
    """Run ``work`` and write down how it ended: the rim of a worker."""
    try:
        _translated(claimed, work)
    except LeaseLost:
        logger.info("document %s: no longer this worker's", claimed.document_id)


def _translated(claimed: Claim, work: Callable[[], None]) -> None:
    try:
        work()
    except LeaseLost:
        raise
    except RagError as exc:
        logger.warning("document %s: %s", claimed.document_id, exc.code)
        (give_back if exc.retryable else mark_failed)(claimed, exc)
    except DatabaseError:
        # The row cannot be written now; its lease runs out and the sweeper sends it.
        raise
    except Exception:
        logger.exception("document %s: unexpected", claimed.document_id)
        give_back(claimed, RagError())


def _read(
    claimed: Claim,
    embedder: Embedder | None,
    tokenizer: Tokenizer | None,
    on_beat: Callable[[], None],
) -> None:
    with kept_alive(claimed, on_beat) as heartbeat:
        parsed = _parse(claimed, heartbeat)
        embedder = embedder or load_embedder()
        tokenizer = tokenizer or tokenizer_for(embedder.name)
        title = parsed.title.strip() or PurePath(claimed.name).stem
        passages = split(parsed.pages, title, chunking_config(embedder), tokenizer)
        if not passages:
            raise NoText
        space = ensure_live_space(embedder)
        vectors = _embed(claimed, passages, embedder, space, heartbeat)
        reading = Reading(
            parsed=parsed,
            title=title,
            passages=passages,
            vectors=vectors,
            space=space,
            parser_version=PARSER_VERSION,
        )
        with timed(logger, "store", chunks=len(passages)):
            store(claimed, reading)


def _parse(claimed: Claim, heartbeat: Heartbeat) -> Parsed:
    path = file_of(claimed.version.digest)
    if not path.exists():
        raise ParseFailed(
            "The stored file is gone. Delete this document and add the file again."
        )
    job = ParseJob(
        path=str(path),
        media_type=claimed.version.media_type,
        name=claimed.name,
        limits=parse_limits(),
    )
    with timed(logger, "parse", media_type=job.media_type):
        try:
            parsed = parse_in_child(
                job, progress=heartbeat.progress, cancelled=heartbeat.is_lost
            )
        except ParseCancelled as exc:
            raise LeaseLost from exc
    return storable(parsed)


def _embed(
    claimed: Claim,
    passages: Sequence[Passage],
    embedder: Embedder,
    space: EmbeddingSpace,
    heartbeat: Heartbeat,
) -> Vectors:
    """Return the vectors of ``passages``, (n, dimension), in their order.

    A passage that the document held before, word for word, keeps its vector.
    """
    heartbeat.stage(Document.State.EMBEDDING, len(passages))
    digests = [text_digest(passage) for passage in passages]
    known = _known_vectors(claimed.document_id, space, digests)
    vectors = np.zeros((len(passages), embedder.dimension), np.float32)
    for row, digest in enumerate(digests):
        if digest in known:
            vectors[row] = known[digest]
    todo = [row for row, digest in enumerate(digests) if digest not in known]
    # Neighbours of one length make batches with little padding.
    todo.sort(key=lambda row: passages[row].token_count)
    with timed(logger, "embed", chunks=len(todo), reused=len(passages) - len(todo)):
        for at in range(0, len(todo), _STRIDE):
            wait_for_quiet(_MAX_YIELD_S)
            heartbeat.progress(len(passages) - len(todo) + at, len(passages))
            rows = todo[at : at + _STRIDE]
            texts = [passages[row].embedded_text for row in rows]
            vectors[rows] = embedder.embed_passages(texts)
    heartbeat.progress(len(passages), len(passages))
    return vectors


def _known_vectors(
    document_id: UUID, space: EmbeddingSpace, digests: Sequence[str]
) -> dict[str, Vectors]:
    rows = Embedding.objects.filter(
        space=space,
        chunk__version__document=document_id,
        chunk__text_digest__in=digests,
    ).values_list("chunk__text_digest", "vector")
    return {digest: unit(np.array(vector)) for digest, vector in rows.iterator()}


def storable(parsed: Parsed) -> Parsed:
    """Replace what cannot be stored, character for character: spans stay true."""
    pages = tuple(
        replace(page, text=_cleaned(page.text), label=_cleaned(page.label))
        for page in parsed.pages
    )
    notices = tuple(_cleaned(notice) for notice in parsed.notices)
    return replace(parsed, pages=pages, title=_cleaned(parsed.title), notices=notices)


def _cleaned(text: str) -> str:
    return _UNSTORABLE.sub(lambda found: "\n" if found[0] == "\f" else "\ufffd", text)


def chunking_config(embedder: Embedder) -> ChunkingConfig:
    """Return the settings' configuration, within the embedder's window."""
    max_tokens = min(settings.CHUNK_TOKENS, embedder.max_tokens)
    return ChunkingConfig(
        max_tokens=max_tokens, max_heading_tokens=min(40, max_tokens // 4)
    )


def parse_limits() -> ParseLimits:
    return ParseLimits(
        wall_s=settings.PARSER_WALL_S,
        cpu_s=settings.PARSER_CPU_S,
        memory_mb=settings.PARSER_MEMORY_MB,
        max_pages=settings.MAX_PAGES,
        max_chars=settings.MAX_TEXT_CHARS,
    )
