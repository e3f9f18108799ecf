"""Upload to searchable: claim, parse, chunk, embed, store.

Any step may be run again: nothing that searches see is written before ``store``,
which replaces everything in one transaction and only for the worker that holds
the document. Of long files the steps in between are kept (ingestion.checkpoints).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePath
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import InterfaceError, OperationalError
from tokenizers import Tokenizer

from ingestion.checkpoints import Journal, open_journal, vectors_kept
from ingestion.chunking import split
from ingestion.embedding import Embedder, Vectors, tokenizer_for, unit
from ingestion.embedding_process import start_embedder
from ingestion.errors import (
    LeaseLost,
    NoText,
    ParseCancelled,
    ParseFailed,
    WorkerStopping,
)
from ingestion.filing import file_of
from ingestion.leasing import (
    Claim,
    Heartbeat,
    Watch,
    claim,
    give_back,
    hand_back,
    hand_over,
    kept_alive,
    mark_failed,
)
from ingestion.masking import mask
from ingestion.masking_settings import masked_page
from ingestion.models import Document, Embedding, EmbeddingSpace
from ingestion.parsing import PARSER_VERSION
from ingestion.sandbox import parse_in_child
from ingestion.spaces import ensure_live_space, live_model_name
from ingestion.storing import Reading, store, text_digest
from ingestion.types import (
    ChunkingConfig,
    PageText,
    Parsed,
    ParseJob,
    ParseLimits,
    Passage,
)
from ingestion.yielding import wait_for_quiet
from rag_site.errors import RagError
from rag_site.logs import new_reference, referenced, timed

logger = logging.getLogger(__name__)

# Texts between two looks at cancellation and at waiting questions: a third of a
# second of work in bfloat16, one second in float32.
_STRIDE = 16
# Seconds that one stride waits for questions being answered. Reading goes on
# slowly even under questions without end.
_MAX_YIELD_S = 3.0
# Pages or passages ahead beyond which a worker for small files leaves a document to
# those for large ones: about a minute of work on two cores.
_LONG_PAGES, _LONG_PASSAGES = 500, 2000
# What Postgres or the encoding of text cannot hold, and the mark between pages.
_UNSTORABLE = re.compile("[\x00\f\ud800-\udfff]")


def ingest(
    document_id: UUID,
    *,
    embedder: Embedder | None = None,
    tokenizer: Tokenizer | None = None,
    watch: Watch | None = None,
) -> bool:
    """Read the document if it waits and nobody has it; return whether it was ours.

    How it went is in the row.
    """
    claimed = claim(document_id)
    if claimed is not None:
        read(claimed, embedder=embedder, tokenizer=tokenizer, watch=watch)
    return claimed is not None


def read(
    claimed: Claim,
    *,
    embedder: Embedder | None = None,
    tokenizer: Tokenizer | None = None,
    watch: Watch | None = None,
) -> None:
    """Read a claimed document and write down how it ended: the rim of a worker.

    Raises DatabaseError while the row cannot be written; the lease runs out then.
    """
    with referenced(new_reference()):
        try:
            _settled(
                claimed, lambda: _read(claimed, embedder, tokenizer, watch or Watch())
            )
        except LeaseLost:
            logger.info("document %s: no longer this worker's", claimed.document_id)


def _settled(claimed: Claim, work: Callable[[], None]) -> None:
    try:
        work()
    except (LeaseLost, OperationalError, InterfaceError):
        raise
    except WorkerStopping:
        hand_back(claimed)
        logger.info("document %s: left to another worker", claimed.document_id)
    except RagError as exc:
        logger.warning("document %s: %s", claimed.document_id, exc.code)
        (give_back if exc.retryable else mark_failed)(claimed, exc)
    except Exception:
        logger.exception("document %s: unexpected", claimed.document_id)
        give_back(claimed, RagError())


def _read(
    claimed: Claim,
    embedder: Embedder | None,
    tokenizer: Tokenizer | None,
    watch: Watch,
) -> None:
    with kept_alive(claimed, watch) as heartbeat:
        journal = open_journal(claimed)
        run = _Run(claimed, heartbeat, journal, watch)
        parsed = _parse(run)
        embedder = embedder or start_embedder(live_model_name())
        tokenizer = tokenizer or tokenizer_for(embedder.name)
        title = parsed.title.strip() or PurePath(claimed.name).stem
        passages = split(
            parsed.pages,
            title,
            chunking_config(embedder),
            tokenizer,
            on_passage=heartbeat.step,
        )
        if not passages:
            raise NoText
        space = ensure_live_space(embedder)
        vectors = _embed(run, passages, embedder, space)
        reading = Reading(
            parsed=parsed,
            title=title,
            passages=passages,
            vectors=vectors,
            space=space,
            parser_version=PARSER_VERSION,
        )
        wait_for_quiet(_MAX_YIELD_S)
        with timed(logger, "store", chunks=len(passages)):
            store(claimed, reading, heartbeat.moved)


@dataclass(frozen=True, slots=True)
class _Run:
    """One attempt: whose it is, that it lives, what it keeps, who follows it."""

    claim: Claim
    heartbeat: Heartbeat
    journal: Journal
    watch: Watch

    def leave_if_long(self, steps: int, limit: int) -> None:
        """Leave a document with many ``steps`` ahead to the workers for such."""
        if self.watch.queue == Document.Queue.SMALL and steps > limit:
            self.journal.write()
            hand_over(self.claim)
            raise LeaseLost


def _parse(run: _Run) -> Parsed:
    path = file_of(run.claim.version.digest)
    if not path.exists():
        raise ParseFailed(
            "The stored file is gone. Delete this document and add the file again."
        )
    if run.journal.is_parsed:
        return run.journal.parsed()
    job = ParseJob(
        path=str(path),
        media_type=run.claim.version.media_type,
        name=run.claim.name,
        limits=parse_limits(),
        first_page=len(run.journal.pages) + 1,
        language=run.claim.language,
    )
    with timed(logger, "parse", media_type=job.media_type, first=job.first_page):
        _parse_from(run, job)
    return run.journal.parsed()


def _parse_from(run: _Run, job: ParseJob) -> None:
    def progress(done: int, total: int) -> None:
        run.heartbeat.progress(done, total)
        run.leave_if_long(total - done, _LONG_PAGES)

    try:
        parsed = parse_in_child(
            job,
            progress=progress,
            cancelled=run.heartbeat.is_unwanted,
            on_page=lambda page: run.journal.add_page(_kept(page, run.claim)),
        )
    except ParseCancelled as exc:
        run.heartbeat.check()
        raise LeaseLost from exc
    title = _cleaned(parsed.title)
    if run.claim.is_masked:
        title = mask(title)
    run.journal.end_pages(title, [*map(_cleaned, parsed.notices)])


def _kept(page: PageText, claimed: Claim) -> PageText:
    """Return a page as it is stored, checkpoints included."""
    page = storable_page(page)
    return masked_page(page) if claimed.is_masked else page


def _embed(
    run: _Run, passages: Sequence[Passage], embedder: Embedder, space: EmbeddingSpace
) -> Vectors:
    """Return the vectors of ``passages``, (n, dimension), in their order.

    A text that the document held before, or that an earlier attempt embedded, keeps
    its vector; a text that comes twice is embedded once.
    """
    heartbeat = run.heartbeat
    heartbeat.stage(Document.State.EMBEDDING, len(passages))
    digests = [text_digest(passage) for passage in passages]
    first = {digest: row for row, digest in reversed([*enumerate(digests)])}
    vectors = np.zeros((len(passages), embedder.dimension), np.float32)
    todo = dict(first)
    for digest, vector in _known_vectors(run.claim, space, list(first)):
        if digest in todo:
            vectors[todo.pop(digest)] = vector
    run.leave_if_long(len(todo), _LONG_PASSAGES)
    # Neighbours of one length make batches with little padding.
    rows = sorted(todo.values(), key=lambda row: passages[row].token_count)
    with timed(logger, "embed", chunks=len(rows), reused=len(passages) - len(rows)):
        for at in range(0, len(rows), _STRIDE):
            wait_for_quiet(_MAX_YIELD_S)
            heartbeat.progress(len(passages) - len(rows) + at, len(passages))
            stride = rows[at : at + _STRIDE]
            texts = [passages[row].embedded_text for row in stride]
            vectors[stride] = embedder.embed_passages(texts)
            run.journal.add_vectors(
                space, [digests[row] for row in stride], vectors[stride]
            )
    heartbeat.progress(len(passages), len(passages))
    for row, digest in enumerate(digests):
        vectors[row] = vectors[first[digest]]
    return vectors


def _known_vectors(
    claimed: Claim, space: EmbeddingSpace, digests: Sequence[str]
) -> Iterator[tuple[str, Vectors]]:
    stored = Embedding.objects.filter(
        space=space,
        chunk__version__document=claimed.document_id,
        chunk__text_digest__in=digests,
    ).values_list("chunk__text_digest", "vector")
    for digest, vector in chain(stored.iterator(), vectors_kept(claimed, space)):
        yield digest, unit(np.array(vector))


def storable_page(page: PageText) -> PageText:
    """Replace what cannot be stored, character for character: spans stay true."""
    return replace(page, text=_cleaned(page.text), label=_cleaned(page.label))


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
