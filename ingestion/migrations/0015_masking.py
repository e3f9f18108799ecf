from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0011_shares")]
    operations = [
        migrations.AddField(
            model_name="collection",
            name="masking",
            field=models.CharField(
                choices=[
                    ("off", "Show everything"),
                    ("answers", "Mask them in answers"),
                    (
                        "documents",
                        "Mask them when documents are read, and in answers",
                    ),
                ],
                default="off",
                max_length=10,
            ),
        )
    ]
