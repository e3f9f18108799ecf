"""Row-level security: a floor under every read of what documents say.

The connection's own role owns the tables and is not held by it. Reads take the
role ``plumbline_reader``, which can do nothing but SELECT, and only what the
user named by ``plumbline.user_id`` may see. Without that setting it sees nothing.

``visible_collections`` becomes SECURITY DEFINER: it reads users and members,
which the reader role must not.
"""

from django.db import migrations

# Roles belong to the server, not to a database: another site's migration, or a
# test's, may have made it, or be making it now.
ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plumbline_reader') THEN
        BEGIN
            CREATE ROLE plumbline_reader NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'This database user may not create roles.'
                USING HINT = 'Have an administrator of the database run: '
                    'CREATE ROLE plumbline_reader NOLOGIN; GRANT plumbline_reader TO '
                    || quote_ident(current_user) || ';';
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'plumbline_reader', 'SET') THEN
        EXECUTE format('GRANT plumbline_reader TO %I', current_user);
    END IF;
END $$;
"""

FUNCTIONS = """
CREATE FUNCTION current_reader() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('plumbline.user_id', true), '')::bigint
$$;
ALTER FUNCTION visible_collections(bigint, text)
    SECURITY DEFINER SET search_path = public, pg_temp;
"""

BACK = """
ALTER FUNCTION visible_collections(bigint, text) SECURITY INVOKER RESET search_path;
DROP FUNCTION current_reader();
"""

# What a reader meets, each with the condition on one of its rows. A row of a
# version, page or chunk is readable when what it belongs to is: that table's own
# policy decides. Vectors are not granted at all: ranking happens before, with ids
# (under a policy no index on words could be used, whose operators are not
# leakproof), and what the ids stand for is read under these.
POLICIES = {
    "ingestion_collection": "id = ANY(ARRAY(SELECT visible_collections(current_reader(), 'reader')))",
    "ingestion_document": "collection_id = ANY(ARRAY(SELECT visible_collections(current_reader(), 'reader')))",
    "ingestion_documentversion": "EXISTS (SELECT FROM ingestion_document d WHERE d.id = document_id)",
    "ingestion_page": "EXISTS (SELECT FROM ingestion_documentversion v WHERE v.id = version_id)",
    "ingestion_chunk": "EXISTS (SELECT FROM ingestion_documentversion v WHERE v.id = version_id)",
}


def _on(table: str, condition: str) -> str:
    return f"""
    GRANT SELECT ON {table} TO plumbline_reader;
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY readable ON {table} FOR SELECT TO plumbline_reader
        USING ({condition});
    """


def _off(table: str) -> str:
    return f"""
    DROP POLICY readable ON {table};
    ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
    REVOKE SELECT ON {table} FROM plumbline_reader;
    """


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0009_document_language")]
    operations = [
        # The role stays: other databases of this server may use it.
        migrations.RunSQL(ROLE, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, BACK),
        *(
            migrations.RunSQL(_on(table, condition), _off(table))
            for table, condition in POLICIES.items()
        ),
    ]
