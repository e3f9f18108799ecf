"""The floor opens the collection of a document that is shared to its reader.

Counting what somebody may search needs the language of the collection, and is done
under the role ``plumbline_reader``. Pages and the API do not show more of it than
before: they ask ``visible_collections``.
"""

from django.db import migrations

_MEMBERS = "id = ANY(ARRAY(SELECT visible_collections(current_reader(), 'reader')))"
# Of the documents that the reader meets under their own policy.
_SHARED = """id IN (
    SELECT d.collection_id FROM ingestion_document d
    WHERE d.id = ANY(ARRAY(SELECT shared_documents(current_reader())))
)"""
POLICY = "ALTER POLICY readable ON ingestion_collection USING ({})"


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0012_tags")]
    operations = [
        migrations.RunSQL(
            POLICY.format(f"{_MEMBERS} OR {_SHARED}"), POLICY.format(_MEMBERS)
        ),
    ]
