"""A folder of definitions put beside what is applied, for one command: nothing of it stays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from usher.audiences import definitions as audiences
from usher.definitions.apply import apply_all
from usher.definitions.read import read
from usher.sources import definitions as sources

#: The rooms that rules speak of; what the others define is not looked at.
ROOMS = ("sources", "audiences")


@contextmanager
def laid_out(folder: Path, now: datetime) -> Iterator[None]:
    """Within, sources and audiences are those of the folder, and no others. DefinitionsError.

    Temporary tables of this connection stand in front of the real ones, which are neither read nor locked;
    they, and the copies of files, are gone afterwards.
    """
    definitions = read(folder, {*sources.SECTIONS, *audiences.SECTIONS})
    before = settings.USHER_DATA_DIR
    with tempfile.TemporaryDirectory(prefix="usher-rules-") as scratch, transaction.atomic():
        settings.USHER_DATA_DIR = Path(scratch)
        try:
            _shadow()
            apply_all(definitions, by="rules", now=now)
            yield
        finally:
            settings.USHER_DATA_DIR = before
            transaction.set_rollback(True)


def _shadow() -> None:
    with connection.cursor() as cursor:
        for room in ROOMS:
            for model in apps.get_app_config(room).get_models():
                name = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(
                    f"CREATE TEMPORARY TABLE {name} (LIKE public.{name} INCLUDING ALL) ON COMMIT DROP"
                )
