"""What a contact said or was texted, in which files it came, and who changed it: parts of its story."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usher.engage.models import Audit, Choice, Confirmation, Contact, Import, TextMessage
from usher.engage.models.texts import TextState
from usher.web.figures.happening import MOST, Happening

_GONE_WRONG = (TextState.FAILED, TextState.EXPIRED, TextState.SKIPPED, TextState.AMBIGUOUS)
#: Columns of a contact that other happenings tell of.
_TOLD = frozenset({"status", "status_at", "is_seed", "email_key", "sms_status", "created_at"})
#: How a value that changed is cut.
_LONGEST = 60


def texts(contact: Contact) -> Iterator[Happening]:
    rows = TextMessage.objects.filter(contact=contact).order_by("-queued_at")[:MOST]
    for row in rows:
        at = row.sent_at or row.queued_at
        said = {"number": row.number, "state": TextState(row.state).label.lower()}
        if row.state in _GONE_WRONG:
            yield Happening(at, _("Text to %(number)s: %(state)s") % said, row.reply or row.body, "warn")
        elif row.sent_at:
            yield Happening(at, _("Texted %(number)s") % said, row.body, "mail")
        else:
            yield Happening(at, _("Text to %(number)s waits to be sent") % said, row.body, "warn")


def consents(contact: Contact) -> Iterator[Happening]:
    for row in contact.consents.order_by("-pk")[:MOST]:
        parts = [f"“{row.text}”" if row.text else "", row.url, row.ip, by_whom(row.source)]
        at = row.given_at or row.recorded_at
        yield Happening(at, _("Agreed to be mailed"), " · ".join(filter(None, parts)), "good")


def confirmations(contact: Contact) -> Iterator[Happening]:
    for row in contact.confirmations.select_related("list").order_by("-pk")[:MOST]:
        back = row.kind == Confirmation.Kind.RESUBSCRIBE
        asked = _("Was asked by mail whether to come back") if back else _("Was asked by mail to confirm")
        of_list = _("for the list “%(list)s”") % {"list": row.list.name} if row.list else ""
        yield Happening(row.asked_at, asked, of_list, "info")
        if row.confirmed_at:
            why = " · ".join(filter(None, [of_list, row.ip]))
            yield Happening(row.confirmed_at, _("Confirmed by mail"), why, "good")


def choices(contact: Contact) -> Iterator[Happening]:
    for row in Choice.objects.filter(contact=contact).select_related("preference").order_by("-at")[:MOST]:
        what = _("Chose the topic “%(topic)s”") if row.opted_in else _("Left the topic “%(topic)s”")
        tone = "good" if row.opted_in else "warn"
        yield Happening(row.at, what % {"topic": row.preference.private_name}, tone=tone)


def imports(contact: Contact, moments: Iterable[datetime]) -> dict[datetime, str]:
    """The files that did what happened at one of these moments: a file is taken over at one."""
    files = Import.objects.filter(account=contact.account_id, finished_at__in=set(moments))
    found = files.order_by("finished_at").values_list("finished_at", "file_name")[:MOST]
    return {at: _("by the import “%(file)s”") % {"file": file} for at, file in found if at}


def changes(contact: Contact) -> Iterator[Happening]:
    """What people and programs changed about it, with who did it."""
    for note in _notes(contact).order_by("-at")[:MOST]:
        if note.act == "change":
            if differing := list(_differing(note.before or {}, note.after or {})):
                yield Happening(note.at, _("Changed by %(who)s") % _who(note), " · ".join(differing))
        elif isinstance(note.after, dict) and "because" in note.after:
            why = str(note.after["because"]).partition(": ")[2]
            yield Happening(note.at, f"{_acts(note.act)} {_('by %(who)s') % _who(note)}", why, "warn")


def decided_at(contact: Contact) -> set[datetime]:
    """When somebody suppressed it or let it back in, and said why."""
    found = _notes(contact).filter(act__in=("suppress", "unsubscribe", "resubscribe"))
    return set(found.filter(after__has_key="because").order_by("-at").values_list("at", flat=True)[:MOST])


def _notes(contact: Contact) -> QuerySet[Audit]:
    return Audit.objects.filter(account=contact.account_id, kind="contact", key=str(contact.pk))


def _acts(act: str) -> str:
    words = {
        "suppress": _("Suppressed"),
        "unsubscribe": _("Unsubscribed"),
        "resubscribe": _("Let back in"),
    }
    return words.get(act, act.capitalize())


def _who(note: Audit) -> dict[str, str]:
    return {"who": by_whom(note.by)}


def by_whom(by: str) -> str:
    """Who did it, in words: “page alice” is a person, “api shop” a program, “page” whom a mail led there."""
    kind, _space, name = by.partition(" ")
    alone = {
        "page": _("on the page behind the link in a mail"),
        "one-click": _("with the button of the mail program"),
        "api": _("by the API"),
        "operator": _("by a command"),
        "import": _("in an import"),
    }
    words = {"page": "%(name)s", "api": _("the API user %(name)s"), "form": _("the form “%(name)s”")}
    return words[kind] % {"name": name} if name and kind in words else alone.get(by, by)


def _differing(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Each value that changed, as it was and as it is; data fields one by one."""
    for name in sorted((before.keys() | after.keys()) - _TOLD):
        was, has = before.get(name), after.get(name)
        if name == "data":
            yield from _differing(was or {}, has or {})
        elif was != has:
            yield f"{_columns().get(name, name)}: {_cut(was)} → {_cut(has)}"


def _columns() -> dict[str, str]:
    return {
        "email": _("address"),
        "mobile_number": _("mobile number"),
        "external_id": _("external id"),
        "opt_in_type": _("opt-in"),
        "email_type": _("e-mail type"),
    }


def _cut(value: Any) -> str:
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
