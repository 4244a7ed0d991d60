"""One contact's story: a handful of statements, each over one kind of row, merged by time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import nlargest

from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from usher.audiences.models import Audience
from usher.audiences.timeline import changes_of
from usher.engage.models import Click, Contact, ContactEvent, Message, Move, Open, Suppression
from usher.engage.models.messages import MessageState
from usher.syncs.models import Pushed
from usher.web.figures import said
from usher.web.figures.happening import MOST, Happening
from usher.web.figures.steps import Step, steps_of
from usher.web.templatetags.usher import causetext

_YES_NO = {"yes": _l("Yes"), "no": _l("No")}


def all_of(contact: Contact) -> list[Happening]:
    """Everything that happened to the contact, newest first; at one moment, what follows stands above."""
    kinds: tuple[Callable[[Contact], Iterator[Happening]], ...] = (
        _leavings,
        _told,
        _clicks,
        _opens,
        _messages,
        _suppressions,
        _moves,
        _enrolments,
        _audiences,
        said.texts,
        said.choices,
        said.confirmations,
        said.consents,
        said.changes,
        _lists,
        said.imports,
        _birth,
    )
    found = (happening for kind in kinds for happening in kind(contact))
    return nlargest(MOST, found, key=lambda happening: happening.at)


def _birth(contact: Contact) -> Iterator[Happening]:
    yield Happening(contact.created_at, _("Became a contact"), tone="info")


def _lists(contact: Contact) -> Iterator[Happening]:
    for row in contact.memberships.select_related("list"):
        name = {"list": row.list.name}
        yield Happening(row.joined_at, _("Joined the list “%(list)s”") % name)
        if row.unsubscribed_at:
            yield Happening(row.unsubscribed_at, _("Left the list “%(list)s”") % name, tone="warn")


def _audiences(contact: Contact) -> Iterator[Happening]:
    """Tags and lists gained and lost by the customer whom a sync pushed under this address."""
    pushed = Pushed.objects.annotate(address=Lower("email")).filter(address=contact.email_key)
    for key in pushed.values_list("key", flat=True).distinct()[:5]:
        for step in changes_of(key):
            told = {"kind": Audience.Kind(step.kind).label, "name": step.name}
            gained = step.change == "gained"
            what = _("Gained the %(kind)s %(name)s") if gained else _("Lost the %(kind)s %(name)s")
            yield Happening(step.at, what % told, causetext(step.cause), "good" if gained else "warn")


def _leavings(contact: Contact) -> Iterator[Happening]:
    left = contact.enrolments.filter(left_at__isnull=False).select_related("program")
    for row in left.order_by("-left_at")[:MOST]:
        what = _("Left “%(program)s”") % {"program": row.program.name}
        yield Happening(row.left_at or row.entered_at, what, row.outcome, "info")


def _enrolments(contact: Contact) -> Iterator[Happening]:
    for row in contact.enrolments.select_related("program").order_by("-entered_at")[:MOST]:
        what = _("Entered “%(program)s”") % {"program": row.program.name}
        yield Happening(row.entered_at, what, row.cause, "info")


def _moves(contact: Contact) -> Iterator[Happening]:
    """Steps inside a program; entering and leaving are told by the enrolment, mails by the message."""
    moves = Move.objects.filter(enrolment__contact=contact).exclude(from_node="").exclude(to_node="")
    known: dict[int, Mapping[str, Step]] = {}
    for move in moves.select_related("enrolment__version").order_by("-at", "-id")[:MOST]:
        version = move.enrolment.version
        if version.pk not in known:
            known[version.pk] = steps_of(version.graph)
        yield from _move(move, known[version.pk])


def _move(move: Move, steps: Mapping[str, Step]) -> Iterator[Happening]:
    came, goes = steps.get(move.from_node), steps.get(move.to_node)
    if came is None or (came.kind == "send" and move.why.startswith("mail queued")):
        return
    following = _("goes on to: %(step)s") % {"step": goes.title if goes else move.to_node}
    if came.kind == "decision":
        yield Happening(move.at, f"{came.title} {_YES_NO.get(move.why, move.why)}", following)
    elif came.kind == "wait":
        yield Happening(move.at, move.why[:1].upper() + move.why[1:], following)
    else:
        yield Happening(move.at, came.title, move.why, "warn")


def _messages(contact: Contact) -> Iterator[Happening]:
    rows = Message.objects.filter(contact=contact).select_related("campaign", "letter", "enrolment__program")
    return (_mail(row) for row in rows.order_by("-queued_at")[:MOST])


def _mail(row: Message) -> Happening:
    mail = {"mail": row.title}
    answer = " ".join(part for part in (str(row.code or ""), row.reply) if part)
    match row.state:
        case MessageState.SENT:
            at = row.sent_at or row.queued_at
            return Happening(at, _("Mailed “%(mail)s”") % mail, _asked_by(row), "mail")
        case MessageState.BOUNCED:
            return Happening(row.sent_at or row.due_at, _("“%(mail)s” bounced") % mail, answer, "bad")
        case MessageState.SKIPPED:
            return Happening(row.due_at, _("“%(mail)s” was not sent") % mail, row.reason, "warn")
        case MessageState.FAILED:
            return Happening(row.due_at, _("“%(mail)s” failed") % mail, row.reason or answer, "bad")
        case MessageState.AMBIGUOUS:
            why = _("It was handed over and the answer was lost; it is not sent again.")
            return Happening(row.due_at, _("“%(mail)s” may have arrived") % mail, why, "warn")
    why = _("deferred by the relay: %(answer)s") % {"answer": answer} if answer else _asked_by(row)
    return Happening(row.queued_at, _("“%(mail)s” waits to be sent") % mail, why, "warn")


def _asked_by(row: Message) -> str:
    if row.enrolment is None:
        return _("sent by itself, or on joining a list")
    return _("asked for by the program “%(program)s”") % {"program": row.enrolment.program.name}


def _opens(contact: Contact) -> Iterator[Happening]:
    rows = Open.objects.filter(message__contact=contact).select_related(
        "message__campaign", "message__letter"
    )
    for row in rows.order_by("-at")[:MOST]:
        yield Happening(row.at, _("Opened “%(mail)s”") % {"mail": row.message.title}, tone="good")


def _clicks(contact: Contact) -> Iterator[Happening]:
    rows = Click.objects.filter(message__contact=contact).select_related(
        "message__campaign", "message__letter", "link"
    )
    for row in rows.order_by("-at")[:MOST]:
        what = _("Clicked in “%(mail)s”") % {"mail": row.message.title}
        yield Happening(row.at, what, row.link.url, "good")


def _told(contact: Contact) -> Iterator[Happening]:
    """What other systems tell, where they want it shown."""
    rows = ContactEvent.objects.filter(contact=contact).exclude(summary="")
    for row in rows.order_by("-at")[:MOST]:
        yield Happening(row.at, row.summary, row.type, "info")


def _suppressions(contact: Contact) -> Iterator[Happening]:
    rows = Suppression.objects.filter(account=contact.account_id, email_key=contact.email_key)
    for row in rows.order_by("-at")[:MOST]:
        if row.lifted_at:
            yield Happening(row.lifted_at, _("May be mailed again"), tone="good")
        what = _("Must not be mailed: %(reason)s") % {"reason": row.reason}
        yield Happening(row.at, what, row.source, "bad")
