"""Where an address or number stands inside of other rows: notes, calls, refused rows, letters, events."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast

from usher.engage.models import Import
from usher.engage.privacy.people import Person

#: Notes of changes to the person's own rows: they say nothing any more but that there was a change.
_OWN_NOTES = """
update engage_audit set before = null, after = null
 where account_id = %(account)s
   and (kind in ('contact', 'consent') and key = %(contact)s
        or kind in ('choice', 'member', 'contact identifier') and key like '%%/' || %(contact)s)
"""
#: Of happenings the contact's id stays: whoever fetches them has to know who is gone.
_OWN_HAPPENINGS = """
update engage_happening set data = jsonb_build_object('contactId', data -> 'contactId')
 where account_id = %(account)s and data ->> 'contactId' = %(contact)s
"""
# A refused row and an event are about the person; a call tells more of them than the address.
_ABOUT = (
    """
    update engage_importfault set values = '[]' from engage_import job
     where job.id = engage_importfault.imported_id and job.account_id = %(account)s
       and engage_importfault.values::text ~* %(pattern)s""",
    """
    update engage_happening set data = '{}' where account_id = %(account)s and data::text ~* %(pattern)s""",
    """
    update engage_audit
       set before = null, after = null, key = regexp_replace(key, %(pattern)s, %(word)s, 'gi')
     where account_id = %(account)s and (key ~* %(pattern)s
           or not coalesce(after ? 'first', before ? 'first', false)
              and (before::text ~* %(pattern)s or after::text ~* %(pattern)s))""",
    """
    update engage_apicall
       set sent = '', answered = '', path = regexp_replace(path, %(pattern)s, %(word)s, 'gi')
     where account_id = %(account)s
       and (path ~* %(pattern)s or sent ~* %(pattern)s or answered ~* %(pattern)s)""",
)
#: Rows about others, too, from which only the address is taken: table -> its columns, and those of JSON.
_AMONG_OTHERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "engage_audit": ((), ("before", "after")),
    "engage_letter": (("subject", "html", "text", "metadata"), ("to", "cc", "bcc", "values")),
    "engage_bulkdeletion": ((), ("identifiers",)),
    "engage_message": (("reply", "reason"), ()),
}


def blot_out(one: Person, word: str) -> None:
    """Take the person out of every row that mentions them; `word` stands where the address stood."""
    values: dict[str, Any] = {"account": one.account.pk, "pattern": one.pattern, "word": word}
    with connection.cursor() as cursor:
        if one.contact:
            for statement in (_OWN_NOTES, _OWN_HAPPENINGS):
                cursor.execute(statement, values | {"contact": str(one.contact.pk)})
        for statement in _ABOUT:
            cursor.execute(statement, values)
        for table, columns in _AMONG_OTHERS.items():
            cursor.execute(_replace(table, *columns), values)
    _forget_results(one)


def _replace(table: str, texts: tuple[str, ...], jsons: tuple[str, ...]) -> str:
    """An address has no character that JSON writes in another way: it can be replaced in the text of JSON."""
    new = [f'"{name}" = regexp_replace("{name}", %(pattern)s, %(word)s, \'gi\')' for name in texts]
    new += [
        f'"{name}" = regexp_replace("{name}"::text, %(pattern)s, %(word)s, \'gi\')::jsonb' for name in jsons
    ]
    found = " or ".join(f'"{name}"::text ~* %(pattern)s' for name in (*texts, *jsons))
    return f"update {table} set {', '.join(new)} where account_id = %(account)s and ({found})"


def _forget_results(one: Person) -> None:
    """Reports of imports list contacts: the person's place in them goes, the counters stay."""
    mention = re.compile(one.pattern, re.IGNORECASE)
    jobs = Import.objects.filter(account=one.account).annotate(told=Cast("results", TextField()))
    for job in jobs.filter(told__iregex=one.pattern).defer("content"):
        job.results = _without(job.results, mention)
        job.save(update_fields=["results"])


def _without(results: Any, mention: re.Pattern[str]) -> Any:
    if isinstance(results, dict):
        return {key: _without(value, mention) for key, value in results.items()}
    if isinstance(results, list):
        return [one for one in results if not mention.search(str(one))]
    return results
