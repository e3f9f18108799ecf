"""BM25 inside the asker's rights.

Migration 0004 of ingestion keeps, with each chunk, the part of BM25 that
depends on the chunk alone; here is the other part, the rarity of each word,

    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))

with N and df(t) counted among the chunks that the asker may see. A score
therefore tells nothing about documents of others, not even which words occur
in them. The exponent-free form with 1 + is Lucene's: never negative.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.sql import Fragment


def question_vector(lexemes: Sequence[str], chunks: int, rights: Fragment) -> Fragment:
    """Return one row (vector): the idf of each lexeme in its dimension.

    ``chunks`` is N. Document frequencies come from the GIN index, one count a
    lexeme.
    """
    sql = f"""
        SELECT ('{{' || string_agg(dimension || ':' || idf, ',')
                || '}}/536870912')::sparsevec AS vector
        FROM (
            SELECT lexeme_dimension(lexeme) AS dimension,
                   sum(ln(1 + (greatest(%s, df) - df + 0.5) / (df + 0.5)))::real AS idf
            FROM unnest(%s::text[], %s::text[]) AS term (lexeme, query),
            LATERAL (
                SELECT count(*) AS df FROM ingestion_chunk c
                WHERE c.lexemes @@ query::tsquery AND {rights.sql}
            ) counted
            GROUP BY 1
        ) weighted
    """  # noqa: S608
    return Fragment(
        sql, (chunks, list(lexemes), [_quoted(t) for t in lexemes], *rights.params)
    )


def best_matches(lexemes: Sequence[str], rights: Fragment, limit: int) -> Fragment:
    """Return rows (chunk_id, distance), distance being minus the BM25 score.

    Expects ``question_vector`` as a table ``question``. Only chunks that share a
    lexeme with the question are scored, found by the GIN index; the score is
    exact.
    """
    sql = f"""
        SELECT c.id AS chunk_id, c.bm25 <#> (SELECT vector FROM question) AS distance
        FROM ingestion_chunk c
        WHERE c.lexemes @@ %s::tsquery AND {rights.sql}
        ORDER BY distance LIMIT %s
    """  # noqa: S608
    any_of = " | ".join(_quoted(lexeme) for lexeme in lexemes)
    return Fragment(sql, (any_of, *rights.params, limit))


def _quoted(lexeme: str) -> str:
    """Return ``lexeme`` as an operand of a tsquery, to be taken literally."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
