from django.db import migrations


class Migration(migrations.Migration):
    """No statistics are kept of what no plan asks for; a file is kept as it came, not packed for a minute."""

    dependencies = [("engage", "0015_erased_people")]

    operations = [
        migrations.RunSQL(
            """
            alter table engage_contact alter column data set statistics 0;
            alter table engage_import alter column content set storage external
            """,
            """
            alter table engage_contact alter column data set statistics -1;
            alter table engage_import alter column content set storage extended
            """,
        )
    ]
