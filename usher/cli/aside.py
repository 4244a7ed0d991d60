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
from usher.definitions.errors import DefinitionsError, Fault
from usher.definitions.read import Definition, read
from usher.definitions.sections import room_of
from usher.lib.changes import DefinitionError
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
            _apply(definitions, now)
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


def _apply(definitions: list[Definition], now: datetime) -> None:
    """In order, and again what failed as long as that helps: a rule may speak of what stands after it."""
    waiting = definitions
    while waiting:
        failed: list[Definition] = []
        faults: list[Fault] = []
        for one in waiting:
            try:
                room_of()[one.section].apply(
                    one.section, one.name, one.body, base_dir=one.file.parent, by="rules", now=now
                )
            except DefinitionError as problem:
                failed.append(one)
                faults.append(Fault(str(one.file), one.line, str(problem)))
        if len(failed) == len(waiting):
            raise DefinitionsError(faults)
        waiting = failed
