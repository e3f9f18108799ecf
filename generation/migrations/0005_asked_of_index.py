import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("generation", "0004_asked_of")]
    operations = [
        AddIndexConcurrently(
            "answer",
            django.contrib.postgres.indexes.GinIndex(
                fields=["asked_of"],
                name="answer_asked_of",
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
