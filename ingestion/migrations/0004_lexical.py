"""Lexical columns of a chunk: ``lexemes`` (tsvector) and ``bm25`` (sparsevec).

BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)

    score(q, d) = sum over t in q of  idf(t) * tf(t, d) * (k1 + 1)
                                      / (tf(t, d) + k1 * (1 - b + b * |d| / avgdl))

is an inner product. The part after idf depends on the chunk alone, so Postgres
keeps it in a generated column; idf is counted when somebody asks, among the
chunks that they may see (retrieval.lexical). Each lexeme has the dimension
1 + hash mod 2^29: a vocabulary table would make every upload wait for every
other one, and two of the 100 lexemes of a chunk share a dimension once in
100,000 chunks.

The length of a chunk is in lexemes (stop words not counted), and avgdl is fixed,
not kept up to date: chunks are cut to about one size, and a moving average would
mean rewriting every row. The measured averages of texts cut into chunks of 200
tokens are 68 (SciFact), 66 (Cranfield), 64 (SQuAD 2) and 47 (MuSiQue); any
avgdl from 50 to 100 changes nDCG@10 there by less than 0.01.

Functions have SQL-standard bodies, whose names are resolved when the function
is made: a restored dump works under any search path.
"""

from django.db import migrations

# to_tsvector(text, text) is not immutable because somebody may alter the
# configuration. Whoever does has to rewrite the rows: UPDATE ingestion_chunk
# SET language = language. An unknown language falls back to 'simple', so that
# no upload fails for it. Marks that Postgres would read as parts of a path, host
# name, sign or compound ("and/or", "end.Next", "IL-2") become blanks: a reader
# who types one of the words expects to find it.
LEXEMES = """
CREATE FUNCTION lexemes_of(language text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector(
    CASE WHEN EXISTS (
        SELECT FROM pg_catalog.pg_ts_config
        WHERE cfgname = language
          AND cfgnamespace = 'pg_catalog'::regnamespace
    ) THEN ('pg_catalog.' || quote_ident(language))::regconfig
    ELSE 'pg_catalog.simple'::regconfig END,
    translate(body, '/.-_:–—', '       ')
)
"""

DIMENSION = """
CREATE FUNCTION lexeme_dimension(lexeme text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (1 + (hashtextextended(lexeme, 0) & 536870911))::integer
"""

# k1 = 0.9, b = 0.4 (Trotman, Puurula and Burgess, "Improvements to BM25 and
# Language Models Examined", 2014) did better than 1.2 and 0.75 on most of the
# development sets, fused or alone; avgdl = 70. A sparse vector holds at most
# 16,000 entries; a chunk has some hundreds, and a text made to break the limit
# keeps its first 16,000 dimensions.
WEIGHTS = """
CREATE FUNCTION bm25_weights(lexemes tsvector) RETURNS sparsevec
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT ('{' || coalesce(string_agg(dimension || ':' || weight, ','), '')
            || '}/536870912')::sparsevec
    FROM (
        SELECT lexeme_dimension(lexeme) AS dimension,
               sum(tf * 1.9 / (tf + 0.9 * (0.6 + 0.4 * length / 70)))::real
                   AS weight
        FROM (
            SELECT lexeme,
                   cardinality(positions)::float8 AS tf,
                   sum(cardinality(positions)) OVER ()::float8 AS length
            FROM unnest(lexemes)
        ) counted
        GROUP BY 1 ORDER BY 1 LIMIT 16000
    ) weighted
)
"""

COLUMNS = """
ALTER TABLE ingestion_chunk
    ADD COLUMN lexemes tsvector GENERATED ALWAYS AS
        (lexemes_of(language, heading || ' ' || text)) STORED,
    ADD COLUMN bm25 sparsevec(536870912) GENERATED ALWAYS AS
        (bm25_weights(lexemes_of(language, heading || ' ' || text))) STORED
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0003_visible_collections")]
    operations = [
        migrations.RunSQL(LEXEMES, "DROP FUNCTION lexemes_of(text, text)"),
        migrations.RunSQL(DIMENSION, "DROP FUNCTION lexeme_dimension(text)"),
        migrations.RunSQL(WEIGHTS, "DROP FUNCTION bm25_weights(tsvector)"),
        migrations.RunSQL(
            COLUMNS,
            "ALTER TABLE ingestion_chunk DROP COLUMN bm25, DROP COLUMN lexemes",
        ),
        migrations.RunSQL(
            "CREATE INDEX chunk_lexemes ON ingestion_chunk USING gin (lexemes) "
            "WITH (fastupdate = off)",
            "DROP INDEX chunk_lexemes",
        ),
    ]
