import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0021_links_of_letters_and_names_that_repeat"),
    ]

    operations = [
        migrations.CreateModel(
            name="CampaignCount",
            fields=[
                (
                    "campaign",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="counted",
                        serialize=False,
                        to="engage.campaign",
                    ),
                ),
                ("counted_at", models.DateTimeField()),
                ("numbers", models.JSONField()),
            ],
        ),
    ]
