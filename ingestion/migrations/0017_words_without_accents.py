"""Words are the same with accents and without: "Zürich" is found and counted as "Zurich".

A count that holds only one of two spellings is wrong without anybody seeing it. Folding
is done where words are made, so that question and chunk always agree; a question alone
cannot know which of its letters have an accent in the documents.

After the stemmer, whose rules need the accents of their language ("mangé" is "mange");
in English, which has none of its own, before it as well: "résumé" ends as "resume" does.
Latin letters only: in other scripts a mark makes another letter. Words that differ in an
accent alone ("pêche", "péché") are one, as in Lucene's ASCIIFoldingFilter.
"""

import unicodedata
from importlib import import_module

from django.db import migrations

_BEFORE = import_module("ingestion.migrations.0016_scripts_without_blanks")
# Letters with a stroke, and i without a dot, which Unicode does not take apart.
_STRUCK = {"Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "ı": "i"}


def _plain(letter: str) -> str:
    parts = unicodedata.normalize("NFD", letter)
    return _STRUCK.get(letter, parts[0])


# Latin-1 and Latin Extended-A. Not Latin Extended Additional: Vietnamese tells words apart
# by its marks.
_LETTERS = [chr(n) for n in range(0xC0, 0x180)]
_FOLDED = {letter: _plain(letter) for letter in _LETTERS if _plain(letter) != letter}
ACCENTED = "[\u00c0-\u017f]"
# Kept, and first: translate() looks through its list for each letter of a text.
_COMMON = " etaoinsrhldcumfpgwybvk:,.0123456789jxqz"
_FROM, _TO = (
    _COMMON + "".join(letters) for letters in (_FOLDED, _FOLDED.values())
)
UNACCENTED = f"""
CREATE FUNCTION unaccented(body text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN body ~ '{ACCENTED}'
    THEN translate(body, '{_FROM}', '{_TO}')
    ELSE body END
"""
# As in 0016, but for accents.
LEXEMES = """
CREATE OR REPLACE FUNCTION lexemes_of(language text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN unaccented(to_tsvector(
    CASE WHEN EXISTS (
        SELECT FROM pg_catalog.pg_ts_config
        WHERE cfgname = language
          AND cfgnamespace = 'pg_catalog'::regnamespace
    ) THEN ('pg_catalog.' || quote_ident(language))::regconfig
    ELSE 'pg_catalog.simple'::regconfig END,
    translate(
        spaced(CASE language WHEN 'english' THEN unaccented(body) ELSE body END),
        '/.-_:–—', '       '
    )
)::text)::tsvector
"""
# Writes the generated columns anew.
AGAIN = (
    "UPDATE ingestion_chunk SET language = language "  # noqa: S608
    f"WHERE heading || text ~ '{ACCENTED}'"
)


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0016_scripts_without_blanks")]
    operations = [
        # Backwards, the last step.
        migrations.RunSQL(migrations.RunSQL.noop, AGAIN),
        migrations.RunSQL(UNACCENTED, "DROP FUNCTION unaccented(text)"),
        migrations.RunSQL(LEXEMES, _BEFORE.LEXEMES.format(read="spaced(body)")),
        migrations.RunSQL(AGAIN, migrations.RunSQL.noop),
    ]
