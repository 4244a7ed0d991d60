"""Finding contacts by how the words of their address and names begin, by id and by number."""

from __future__ import annotations

import re

from django.contrib.postgres.search import SearchQueryField
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from usher.engage.contacts.words import APART, NAMES
from usher.engage.models import Contact

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
    words = " & ".join(f"'{word}':*" for word in _WORDS.findall(text.lower()))
    found = [held.filter(updated_at__gt=F("account__words_to"))]
    if words:
        found.append(held.filter(_match(words)))
    return [*found, *_numbered(text, among)]


def _match(words: str) -> Func:
    """As a query of PostgreSQL, whose own lookup would first make words of another language of them."""
    query = Cast(Value(words), SearchQueryField())
    return Func(
        F("words__words"), query, arg_joiner=" @@ ", template="(%(expressions)s)", output_field=BooleanField()
    )


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
