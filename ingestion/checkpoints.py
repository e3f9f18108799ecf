"""What the reading of a long file leaves behind, so that another goes on from there.

Pages as parsed and vectors as made are written every few seconds, each time in
one small transaction that demands the fencing token. A file that is read in less
writes nothing. What was written is used for the same version, by the same parser
and embedding space only, and goes in the transaction that stores the document,
with the document, or when a reading ends in another way (``forget_settled``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from numpy.typing import NDArray
from pgvector import HalfVector

from ingestion.checkpoint_models import Checkpoint, CheckpointVector
from ingestion.copying import PAGE_COLUMNS, accept_halfvec, copy_in, page_values
from ingestion.errors import LimitExceeded
from ingestion.leasing import Claim, renew
from ingestion.models import Document, EmbeddingSpace
from ingestion.parsing import PARSER_VERSION
from ingestion.types import Block, PageText, Parsed

# Seconds of work that a killed worker loses at most; shorter files leave nothing.
_EVERY_S = 2.0

Vectors = NDArray[np.float32]


@dataclass(kw_only=True)
class Journal:
    """One attempt's record: what earlier ones left, and what this one adds.

    Writing raises LeaseLost once the claim no longer holds. An attempt that wrote
    something did not fail: it gets all its tries back. Each writes strictly more
    than the one before, so this cannot go on for ever.
    """

    claim: Claim
    pages: list[PageText] = field(default_factory=list)
    is_parsed: bool = False
    title: str = ""
    notices: tuple[str, ...] = ()
    worked: timedelta = timedelta()

    def __post_init__(self) -> None:
        self._pages_kept = len(self.pages)
        if not self.is_parsed:
            self._drop_last_words()
        self._chars = sum(len(page.text) for page in self.pages)
        self._vectors: list[tuple[str, Vectors]] = []
        self._space: EmbeddingSpace | None = None
        self._began = self._wrote = time.monotonic()

    def _drop_last_words(self) -> None:
        """Have the last page that holds text read again, and what follows it.

        A parser that finds no text in what it is asked for takes the file for empty,
        and its last words, the title and the notices, are still to come.
        """
        with_text = [at for at, page in enumerate(self.pages) if page.text.strip()]
        del self.pages[with_text[-1] if with_text else 0 :]

    def add_page(self, page: PageText) -> None:
        """Take the next page. Raises LimitExceeded, LeaseLost."""
        self._chars += len(page.text)
        if self._chars > settings.MAX_TEXT_CHARS:
            raise LimitExceeded(
                f"The file holds more than {settings.MAX_TEXT_CHARS:,} characters, "
                "which is the limit. Split it and add the parts."
            )
        self.pages.append(page)
        self._write_if_due()

    def end_pages(self, title: str, notices: Sequence[str]) -> None:
        """Note that all pages are there. Raises LeaseLost."""
        self.is_parsed = True
        self.title, self.notices = title, tuple(notices)
        if self._pages_kept:
            self.write()

    def add_vectors(
        self, space: EmbeddingSpace, digests: Sequence[str], rows: Vectors
    ) -> None:
        """Take vectors, (n, dimension), by the digests of their texts.

        Raises LeaseLost.
        """
        self._space = space
        self._vectors.extend(zip(digests, rows, strict=True))
        self._write_if_due()

    def parsed(self) -> Parsed:
        return Parsed(pages=tuple(self.pages), title=self.title, notices=self.notices)

    def write(self) -> None:
        """Write down all that is new now. Raises LeaseLost."""
        with transaction.atomic(), connection.cursor() as cursor:
            renew(self.claim, tries=0)  # takes the row's lock and demands the token
            self._write_head()
            self._write_pages(cursor)
            if self._space is not None:
                self._write_vectors(cursor, self._space)
        self._pages_kept = max(self._pages_kept, len(self.pages))
        self._vectors.clear()
        self._wrote = time.monotonic()

    def _write_if_due(self) -> None:
        has_news = len(self.pages) > self._pages_kept or self._vectors
        if has_news and time.monotonic() - self._wrote >= _EVERY_S:
            self.write()

    def _write_head(self) -> None:
        ending = {"is_parsed": True, "title": self.title, "notices": list(self.notices)}
        spent = timedelta(seconds=time.monotonic() - self._began)
        Checkpoint.objects.update_or_create(
            version=self.claim.version,
            defaults={
                "parser_version": PARSER_VERSION,
                "worked": self.worked + spent,
                **(ending if self.is_parsed else {}),
            },
        )

    def _write_pages(self, cursor: Any) -> None:
        new = self.pages[self._pages_kept :]
        copy_in(
            cursor,
            f"ingestion_checkpointpage (checkpoint_id, {PAGE_COLUMNS})",
            ((self.claim.version.pk, *page_values(page)) for page in new),
        )

    def _write_vectors(self, cursor: Any, space: EmbeddingSpace) -> None:
        accept_halfvec(cursor)
        version = self.claim.version.pk
        copy_in(
            cursor,
            "ingestion_checkpointvector (checkpoint_id, space_id, text_digest, vector)",
            (
                (version, space.pk, digest, HalfVector(row))
                for digest, row in self._vectors
            ),
            types=["uuid", "int8", "varchar", "halfvec"],
        )


def open_journal(claim: Claim) -> Journal:
    """Return what earlier attempts on this version left; drop what is stale.

    Raises LeaseLost.
    """
    stale = Checkpoint.objects.filter(version__document=claim.document_id).exclude(
        version=claim.version, parser_version=PARSER_VERSION
    )
    forget(list(stale.values_list("pk", flat=True)))
    head = Checkpoint.objects.filter(pk=claim.version.pk).first()
    if head is None:
        return Journal(claim=claim)
    # As if one attempt had done it all: the estimate of what is left stays true.
    renew(claim, started_at=Now() - head.worked)
    return Journal(
        claim=claim,
        pages=list(_pages(head)),
        is_parsed=head.is_parsed,
        title=head.title,
        notices=tuple(head.notices),
        worked=head.worked,
    )


def _pages(head: Checkpoint) -> Iterator[PageText]:
    for row in head.pages.order_by("number").iterator(chunk_size=100):
        blocks = (
            Block(**{**block, "box": tuple(block["box"]) if block["box"] else None})
            for block in row.blocks
        )
        yield PageText(
            number=row.number,
            text=row.text,
            blocks=tuple(blocks),
            label=row.label,
            width=row.width,
            height=row.height,
        )


def vectors_kept(claim: Claim, space: EmbeddingSpace) -> Iterator[tuple[str, Any]]:
    """Yield (text digest, vector) of what earlier attempts embedded."""
    rows = CheckpointVector.objects.filter(checkpoint=claim.version.pk, space=space)
    yield from rows.values_list("text_digest", "vector").iterator()


def forget(version_ids: Sequence[Any]) -> None:
    """Remove the checkpoints of these versions; loads no page and no vector."""
    Checkpoint.objects.filter(pk__in=version_ids).delete()


def forget_settled() -> int:
    """Remove what belongs to documents that nobody reads any more; return how many."""
    settled = Checkpoint.objects.filter(version__document__state__in=Document.SETTLED)
    ids = list(settled.values_list("pk", flat=True))
    forget(ids)
    return len(ids)
