"""Words of scripts that put no blanks between them: pairs of letters stand for them.

Postgres's parser takes a whole run of Chinese, Japanese or Thai as one word, so BM25
found next to nothing (XQuAD zh, nDCG@10: 0.07, with pairs 0.95). Overlapping pairs need
no dictionary, and their distances stay those of the text, so that phrases are found.
"""

from django.db import migrations

# Thai, Lao, Myanmar, Khmer, Hiragana, Katakana, Han.
LETTERS = (
    r"\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3040-\u30FF"
    r"\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF"
)
SPACED = f"""
CREATE FUNCTION spaced(body text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN body ~ '[{LETTERS}]' THEN (
    SELECT string_agg(
        CASE WHEN run.words[1] ~ '^[{LETTERS}]' THEN (
            SELECT string_agg(substr(run.words[1], place, 2), ' ' ORDER BY place)
            FROM generate_series(1, greatest(length(run.words[1]) - 1, 1)) AS place
        ) ELSE run.words[1] END, ' ' ORDER BY run.place
    )
    FROM regexp_matches(body, '[{LETTERS}]+|[^{LETTERS}]+', 'g')
        WITH ORDINALITY AS run (words, place)
) ELSE body END
"""
# As in 0004, but for what is read.
LEXEMES = """
CREATE OR REPLACE FUNCTION lexemes_of(language text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector(
    CASE WHEN EXISTS (
        SELECT FROM pg_catalog.pg_ts_config
        WHERE cfgname = language
          AND cfgnamespace = 'pg_catalog'::regnamespace
    ) THEN ('pg_catalog.' || quote_ident(language))::regconfig
    ELSE 'pg_catalog.simple'::regconfig END,
    translate({read}, '/.-_:–—', '       ')
)
"""
# Writes the generated columns anew.
AGAIN = (
    "UPDATE ingestion_chunk SET language = language "  # noqa: S608
    f"WHERE heading || text ~ '[{LETTERS}]'"
)


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0014_collection_adapter")]
    operations = [
        migrations.RunSQL(SPACED, "DROP FUNCTION spaced(text)"),
        migrations.RunSQL(
            LEXEMES.format(read="spaced(body)"), LEXEMES.format(read="body")
        ),
        migrations.RunSQL(AGAIN, AGAIN),
    ]
