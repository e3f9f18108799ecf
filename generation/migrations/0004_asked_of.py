"""Answers from before know the collections that were named, and no others.

Whoever asked all that they could see then is not guessed at: their rights may have
been others.
"""

from django.db import migrations
from django.db.models import F

_BATCH = 1000


def fill(apps, schema_editor):
    answers = apps.get_model("generation", "Answer").objects
    rows = answers.filter(asked_of=[]).exclude(collections=[])
    while ids := list(rows.values_list("pk", flat=True)[:_BATCH]):
        answers.filter(pk__in=ids).update(asked_of=F("collections"))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("generation", "0003_curating")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
