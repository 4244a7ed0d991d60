from importlib import import_module

from django.db import migrations

watch = import_module("usher.engage.migrations.0008_changes_are_written_down").watch


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0011_users_that_had_no_limits_keep_none"),
    ]

    operations = [watch("campaignversion", "campaign version", "campaign_id", "letter")]
