"""The one definition of what a person may reach, as a SQL function.

``visible_collections(user_id, role)`` returns the ids of the collections in
which the user has at least that role: as owner, as member, through a group, or
because everyone may read. An inactive user has none.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION visible_collections(asker bigint, at_least text)
RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.id
    FROM ingestion_collection c
    WHERE EXISTS (SELECT FROM rag_site_user u WHERE u.id = asker AND u.is_active)
      AND (
        c.owner_id = asker
        OR (at_least = 'reader' AND c.visibility = 'everyone')
        OR EXISTS (
            SELECT FROM ingestion_membership m
            WHERE m.collection_id = c.id
              AND (
                m.user_id = asker
                OR m.group_id IN (
                    SELECT g.group_id FROM rag_site_user_groups g
                    WHERE g.user_id = asker
                )
              )
              AND CASE at_least
                    WHEN 'reader' THEN true
                    WHEN 'writer' THEN m.role IN ('writer', 'manager')
                    WHEN 'manager' THEN m.role = 'manager'
                    ELSE false
                  END
        )
      )
$$
"""


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0002_documents")]
    operations = [
        migrations.RunSQL(
            CREATE, "DROP FUNCTION visible_collections(bigint, text)"
        )
    ]
