"""Finding contacts by how the words of their address and names begin, by id and by number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.postgres.search import SearchQueryField
from django.db import connection, transaction
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from usher.engage.contacts.words import APART, NAMES
from usher.engage.models import Account, Contact, ContactWords

#: So many contacts with a word are named one by one.
FEW = 5_000
#: Letters of a beginning that not nearly everybody has.
SHORTEST = 3

_WORDS = re.compile(f"[^{re.escape(APART)}]+")
_NAMES = RawSQL(
    "lower(" + " || ' ' || ".join(f"coalesce(engage_contact.data ->> '{name}', '')" for name in NAMES) + ")",
    [],
    TextField(),
)


def beginning(text: str, among: QuerySet[Contact]) -> list[QuerySet[Contact]]:
    """Those of `among` whose address and names hold each part of `text`, where words begin as it does.

    One statement each for those whose words are written, for those who changed since, and for whoever has
    the number; a contact may be found by two.
    """
    held = inside(text, among)
    words = _WORDS.findall(text.lower())
    return [held.filter(_changed()), *([_worded(words, held)] if words else []), *_numbered(text, among)]


def _changed() -> Q:
    """Whose words may not be written yet: the moments are said outright, so that their number is foreseen."""
    marks = Account.objects.values_list("pk", "words_to")
    return Q(Q(pk=None), *(Q(account=pk, updated_at__gt=mark) for pk, mark in marks), _connector=Q.OR)


def _worded(words: list[str], held: QuerySet[Contact]) -> QuerySet[Contact]:
    """Who has such words: few are named outright; many are met soon when one goes from the newest back.

    PostgreSQL takes every beginning for one that many have, and would go through all words for a rare one.
    """
    query = " & ".join(f"'{word}':*" for word in words)
    if max(map(len, words)) >= SHORTEST:
        with _by_index_alone():
            found = ContactWords.objects.filter(_match("words", query))
            ids = list(found.values_list("pk", flat=True)[: FEW + 1])
        if len(ids) <= FEW:
            return held.filter(pk__in=ids)
    return held.filter(_match("words__words", query))


def _match(column: str, words: str) -> Func:
    """As a query of PostgreSQL, whose own lookup would first make words of another language of them."""
    query = Cast(Value(words), SearchQueryField())
    return Func(
        F(column), query, arg_joiner=" @@ ", template="(%(expressions)s)", output_field=BooleanField()
    )


@contextmanager
def _by_index_alone() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off; set local enable_indexscan = off")
        yield
        cursor.execute("set local enable_seqscan = on; set local enable_indexscan = on")


def inside(text: str, among: QuerySet[Contact]) -> QuerySet[Contact]:
    """Those in whose address or names every part of `text` stands, wherever: each of `among` is read."""
    found = among.alias(names=_NAMES)
    for part in text.lower().split():
        found = found.filter(Q(email_key__contains=part) | Q(names__contains=part))
    return found


def _numbered(text: str, among: QuerySet[Contact]) -> list[QuerySet[Contact]]:
    """Whose id or mobile number it is."""
    digits = re.sub(r"[\s+()/-]", "", text)
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        return []
    return [among.filter(pk=int(digits)), among.filter(mobile_number=digits.removeprefix("00"))]
