from django.db import migrations


def unlimited(apps, schema_editor):
    """Limits were announced and not enforced: whoever called without them is not stopped by an update."""
    apps.get_model("engage", "ApiUser").objects.update(scheme="none")


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0010_page_views"),
    ]

    operations = [
        migrations.RunPython(unlimited, migrations.RunPython.noop),
    ]
