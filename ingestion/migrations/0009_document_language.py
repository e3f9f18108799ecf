"""The language that a version is in, as told from its text.

Versions that were read before have none: their chunks keep the language of the
collection until they are read again.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0008_embedding_partitions")]
    operations = [
        migrations.AddField(
            "documentversion",
            "language",
            models.CharField(blank=True, default="", max_length=40),
        ),
    ]
