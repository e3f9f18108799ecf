"""Fakes that are real implementations: deterministic, fast, no weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from generation.grounding.entailment import Odds

_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be by do does for from has have how in is it its of on or "
        "that the their this to was were what when where which who why will with"
    )
)


class HashEmbedder:
    """Bag of words hashed to signed axes: texts that share words are near.

    Implements ``ingestion.embedding.Embedder``.
    """

    name = "hash-embedder"
    digest = hashlib.sha256(b"hash-embedder-1").hexdigest()
    dimension = 384
    max_tokens = 256

    def __init__(self, _name: str | None = None) -> None:
        """Made as ``start_embedder`` and ``get_embedder`` are called."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [self.embed_question(text) for text in texts]
        return np.array(rows, np.float32).reshape(len(rows), self.dimension)

    def embed_question(self, text: str) -> NDArray[np.float32]:
        row = np.zeros(self.dimension, np.float32)
        # Two of the window are the special tokens of a real model.
        for word in _WORD.findall(text.lower())[: self.max_tokens - 2]:
            if word not in _STOP_WORDS:
                axis, sign = _axis(word.removesuffix("s"))
                row[axis % self.dimension] += sign
        length = np.linalg.norm(row)
        if not length:
            row[0] = length = np.float32(1.0)
        return row / length


@lru_cache(maxsize=100_000)
def _axis(word: str) -> tuple[int, float]:
    value = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
    return value >> 1, 1.0 if value & 1 else -1.0


@lru_cache(maxsize=1)
def word_tokenizer() -> Tokenizer:
    """A tokenizer of the real kind: a word or a mark is a token, plus two special."""
    tokenizer = Tokenizer(
        models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


class OverlapReranker:
    """The share of the question's words that stand in a passage.

    Implements ``retrieval.reranking.Reranker``.
    """

    name = "overlap-reranker"

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        wanted = set(_WORD.findall(question.lower()))
        return [
            len(wanted.intersection(_WORD.findall(passage.lower()))) / len(wanted)
            if wanted
            else 0.0
            for passage in passages
        ]


class WordsEntailment:
    """The share of a sentence's words in the text; the opposite where one says "not".

    Implements ``generation.grounding.entailment.Entailment``.
    """

    name = "words-entailment"
    digest = "0" * 64

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        return [self._judge(text.lower(), said.lower()) for text, said in pairs]

    def _judge(self, text: str, said: str) -> Odds:
        words = set(_WORD.findall(said))
        share = len(words.intersection(_WORD.findall(text))) / max(1, len(words))
        if ("not" in text) != ("not" in said):
            return Odds(entailed=0.0, contradicted=share)
        return Odds(entailed=share, contradicted=0.0)
