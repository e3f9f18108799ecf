"""BM25 inside the asker's rights.

Migration 0004 of ingestion keeps, with each chunk, the part of BM25 that
depends on the chunk alone; here is the other part, the rarity of each word,

    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))

with N and df(t) counted among the chunks of one language that the asker may
see. A score therefore tells nothing about documents of others, not even which
words occur in them. The exponent-free form with 1 + is Lucene's: never negative.

Every chunk that shares a word with the question is scored, unless the visible
set is large: then a word that stands in many chunks would cost seconds and tell
little. Its df is estimated from a sample, and chunks that hold nothing but such
words are scored only if they hold several (the two-pass evaluation of "common
terms" in Lucene). Each score stays exact up to the estimate of df.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrieval.reach import Terms
from retrieval.replica import connection_for_ranking
from retrieval.sql import Fragment

# A share of 1 % comes back from so many rows with an error of a fifth, which
# moves an idf of 4.6 by 0.2; more common words are surer.
_SAMPLE_CHUNKS = 2_000
# Found less often than this in the sample, a word is counted by the index.
_SURE = 20
#: Chunks of a large visible set that are scored for one question. At 10 to 20
#: microseconds each, what half a second holds.
MAX_SCORED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A lexeme of the question as chunks of one language know it.

    Attributes:
        dimension: of the sparse vectors.
        chunks: N, of that language.
        count: df, at most ``chunks`` unless that number is out of date.
    """

    language: str
    lexeme: str
    dimension: int
    chunks: int
    count: int

    @property
    def idf(self) -> float:
        chunks = max(self.chunks, self.count)
        return math.log(1 + (chunks - self.count + 0.5) / (self.count + 0.5))


def count_words(
    terms: Sequence[Terms], rights: Fragment, *, is_small: bool
) -> list[Word]:
    """Return the words of the question with their df.

    Counted by the GIN index, one look a lexeme; common words of a large set
    are estimated from a sample of it, the same one each time.
    """
    rows = [(one, lexeme) for one in terms for lexeme in one.lexemes]
    if not rows:
        return []
    arrays = (
        [one.language for one, _ in rows],
        [lexeme for _, lexeme in rows],
        [quoted(lexeme) for _, lexeme in rows],
    )
    known = [None] * len(rows) if is_small else _estimate(arrays, terms, rights)
    sql = f"""
        SELECT lexeme_dimension(lexeme), coalesce(known, (
            SELECT count(*) FROM ingestion_chunk c
            WHERE c.lexemes @@ query::tsquery AND c.language = term.language
              AND {rights.sql}
        ))
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
            WITH ORDINALITY AS term (language, lexeme, query, known, place)
        ORDER BY place
    """  # noqa: S608
    with connection_for_ranking().cursor() as cursor:
        cursor.execute(sql, [*rights.params, *arrays, known])
        return [
            Word(
                language=one.language,
                lexeme=lexeme,
                dimension=dimension,
                chunks=one.chunks,
                count=count,
            )
            for (one, lexeme), (dimension, count) in zip(rows, cursor, strict=True)
        ]


def _estimate(
    arrays: tuple[list[str], ...], terms: Sequence[Terms], rights: Fragment
) -> list[int | None]:
    """Return the df of each word that the sample holds often enough, else None."""
    visible = sum(one.chunks for one in terms)
    share = min(1.0, _SAMPLE_CHUNKS / visible)
    # Blocks, not rows, are drawn: only they are read. Of a fixed seed, so that
    # the same question finds the same passages.
    sql = f"""
        WITH sample AS MATERIALIZED (
            SELECT c.language, c.lexemes
            FROM ingestion_chunk c TABLESAMPLE SYSTEM (%s) REPEATABLE (1)
            WHERE {rights.sql}
        )
        SELECT (SELECT count(*) FROM sample),
               (SELECT count(*) FROM sample s WHERE s.language = term.language
                AND s.lexemes @@ query::tsquery)
        FROM unnest(%s::text[], %s::text[], %s::text[])
            WITH ORDINALITY AS term (language, lexeme, query, place)
        ORDER BY place
    """  # noqa: S608
    with connection_for_ranking().cursor() as cursor:
        cursor.execute(sql, [100 * share, *rights.params, *arrays])
        return [
            round(visible * held / drawn) if held >= _SURE else None
            for drawn, held in cursor
        ]


def question_vectors(words: Iterable[Word]) -> Fragment:
    """Return rows (language, vector): the idf of each lexeme in its dimension."""
    vectors: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for word in words:
        vectors[word.language][word.dimension] += word.idf
    return Fragment(
        "SELECT language, vector::sparsevec AS vector"
        " FROM unnest(%s::text[], %s::text[]) AS by_language (language, vector)",
        (list(vectors), [_sparse(weights) for weights in vectors.values()]),
    )


#: BM25 of the chunk ``c`` with a minus sign, for a table ``question``.
DISTANCE = (
    "(c.bm25 <#> (SELECT q.vector FROM question q WHERE q.language = c.language))"
)


def best_matches(
    words: Sequence[Word], rights: Fragment, limit: int, *, is_small: bool
) -> Fragment:
    """Return rows (chunk_id, distance), distance being minus the BM25 score.

    Expects ``question_vectors`` as a table ``question``.
    """
    query = _any_of(words) if is_small else _telling(words)
    bound = "" if is_small else f"LIMIT {MAX_SCORED}"
    sql = f"""
        SELECT chunk_id, distance FROM (
            SELECT c.id AS chunk_id, {DISTANCE} AS distance
            FROM (
                SELECT c.id, c.language, c.bm25 FROM ingestion_chunk c
                WHERE c.lexemes @@ %s::tsquery AND {rights.sql} {bound}
            ) c
        ) scored
        WHERE distance < 0
        ORDER BY distance LIMIT %s
    """  # noqa: S608
    return Fragment(sql, (query, *rights.params, limit))


def _any_of(words: Iterable[Word]) -> str:
    return " | ".join(dict.fromkeys(quoted(word.lexeme) for word in words))


def _telling(words: Sequence[Word]) -> str:
    """Return a query for at most some MAX_SCORED chunks, those that can score best.

    Rare words are enough each by itself; of the common ones a chunk must hold the
    two rarest, or all.
    """
    rarest = sorted(words, key=lambda word: word.count)
    total, rare = 0, 0
    while rare < len(rarest) and total + rarest[rare].count <= MAX_SCORED:
        total += rarest[rare].count
        rare += 1
    common = [quoted(word.lexeme) for word in rarest[rare:]]
    clauses = [quoted(word.lexeme) for word in rarest[:rare]]
    if common:
        clauses += [f"({' & '.join(common[:2])})", f"({' & '.join(common)})"]
    return " | ".join(dict.fromkeys(clauses))


def _sparse(weights: dict[int, float]) -> str:
    entries = ",".join(f"{dimension}:{idf:.7g}" for dimension, idf in weights.items())
    return f"{{{entries}}}/536870912"


def quoted(lexeme: str) -> str:
    """Return ``lexeme`` as an operand of a tsquery, to be taken literally."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
