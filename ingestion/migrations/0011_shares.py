"""Single documents that somebody may read, and their place under the rights.

``shared_documents(user_id)`` is to them what ``visible_collections`` is to
members. The role ``plumbline_reader`` meets both.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTION = """
CREATE FUNCTION shared_documents(asker bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT s.document_id
    FROM ingestion_share s
    WHERE EXISTS (SELECT FROM rag_site_user u WHERE u.id = asker AND u.is_active)
      AND (
        s.user_id = asker
        OR s.group_id IN (
            SELECT g.group_id FROM rag_site_user_groups g WHERE g.user_id = asker
        )
      )
$$
"""

_MEMBERS = "collection_id = ANY(ARRAY(SELECT visible_collections(current_reader(), 'reader')))"
_SHARED = "id = ANY(ARRAY(SELECT shared_documents(current_reader())))"
POLICY = "ALTER POLICY readable ON ingestion_document USING ({})"


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('ingestion', '0010_row_level_security'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Share',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shares', to='ingestion.document')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('group__isnull', True), ('user__isnull', False)), models.Q(('group__isnull', False), ('user__isnull', True)), _connector='OR'), name='share_with_a_user_or_a_group'), models.UniqueConstraint(fields=('document', 'user'), name='share_once_per_user'), models.UniqueConstraint(fields=('document', 'group'), name='share_once_per_group')],
            },
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION shared_documents(bigint)"),
        migrations.RunSQL(
            POLICY.format(f"{_MEMBERS} OR {_SHARED}"), POLICY.format(_MEMBERS)
        ),
    ]
