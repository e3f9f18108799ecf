from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("ingestion", "0013_collection_of_a_shared_document")]

    operations = [
        migrations.AddField(
            model_name="collection",
            name="adapter",
            field=models.SlugField(
                blank=True, db_index=False, default="", max_length=64
            ),
        ),
    ]
