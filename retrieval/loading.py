"""Texts become documents that can be searched, by the parts that read uploads.

For scratch databases: what is measured there is the product's own chunking,
embedding and storing, without files and queues.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ingestion.chunking import split
from ingestion.embedding import Embedder, load_embedder, tokenizer_for
from ingestion.leasing import Claim
from ingestion.models import Collection, Document, DocumentVersion
from ingestion.spaces import ensure_live_space
from ingestion.storing import Reading, store
from ingestion.types import ChunkingConfig, PageText, Parsed, Passage
from ingestion.visibility import Visible
from retrieval.corpora import Text

Progress = Callable[[int, int], None]

# Documents embedded in one call: enough that texts of one length find each
# other, few enough that progress is seen.
_DOCUMENTS_AT_ONCE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What turns a text into passages and vectors."""

    embedder: Embedder
    tokenizer: Tokenizer
    chunking: ChunkingConfig

    @classmethod
    def from_settings(cls) -> Reader:
        """Raises WeightsMissing."""
        return cls(
            embedder=load_embedder(),
            tokenizer=tokenizer_for(settings.EMBEDDER),
            chunking=ChunkingConfig(max_tokens=settings.CHUNK_TOKENS),
        )

    def cut(self, text: Text) -> list[Passage]:
        return split([_page(text)], text.title, self.chunking, self.tokenizer)


def load_texts(
    texts: Sequence[Text], reader: Reader, *, progress: Progress | None = None
) -> Visible:
    """Chunk, embed and store ``texts``; return the reach of a person who sees them.

    Each becomes a document of one page that has the text's id as its name, in
    one new collection of one new user.

    Args:
        progress: called with documents done and documents in all.
    """
    collection = make_collection()
    done = 0
    for batch in _batches(texts):
        _load_batch(collection, batch, reader)
        done += len(batch)
        if progress:
            progress(done, len(texts))
    return Visible(user_id=collection.owner_id)


def _batches(texts: Sequence[Text]) -> Iterator[list[Text]]:
    remaining = iter(texts)
    while batch := list(islice(remaining, _DOCUMENTS_AT_ONCE)):
        yield batch


def _load_batch(collection: Collection, texts: Sequence[Text], reader: Reader) -> None:
    cut = [reader.cut(text) for text in texts]
    vectors = reader.embedder.embed_passages(
        [passage.embedded_text for passages in cut for passage in passages]
    )
    at = 0
    for text, passages in zip(texts, cut, strict=True):
        mine = vectors[at : at + len(passages)]
        at += len(passages)
        add_document(collection, text, passages, mine, embedder=reader.embedder)


def add_document(
    collection: Collection,
    text: Text,
    passages: Sequence[Passage],
    vectors: NDArray[np.float32],
    *,
    embedder: Embedder,
) -> None:
    """Store ``passages`` of ``text`` and their ``vectors`` as a worker does."""
    reading = Reading(
        parsed=Parsed(pages=(_page(text),), title=text.title),
        title=text.title,
        passages=passages,
        vectors=vectors,
        space=ensure_live_space(embedder),
        parser_version="corpus",
    )
    store(_make_claim(collection, text), reading)


def _page(text: Text) -> PageText:
    return PageText(number=1, text=text.text)


def make_collection(name: str = "corpus") -> Collection:
    """Return a new collection of the user "evaluation", who is made if absent."""
    owner, _ = get_user_model()._default_manager.get_or_create(username="evaluation")
    return Collection.objects.create(owner=owner, name=name)


def _make_claim(collection: Collection, text: Text) -> Claim:
    """Return a claim on a new document that stands as if a worker had it."""
    document = Document.objects.create(
        collection=collection,
        name=text.id[:255],
        state=Document.State.EMBEDDING,
        attempt=1,
    )
    content = text.text.encode()
    version = DocumentVersion.objects.create(
        document=document,
        number=1,
        digest=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        media_type="text/plain",
    )
    return Claim(
        document_id=document.pk,
        attempt=1,
        version=version,
        name=document.name,
        language=collection.language,
    )
