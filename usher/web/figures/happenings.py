"""One contact's story: a handful of statements, each over one kind of row, merged by time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import nlargest

from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from usher.audiences.models import Audience
from usher.audiences.timeline import changes_of
from usher.engage.models import Click, Contact, ContactEvent, ContactList, Message, Move, Open, Suppression
from usher.engage.models.messages import MessageState
from usher.syncs.models import Pushed
from usher.web.figures import said
from usher.web.figures.happening import MOST, Happening
from usher.web.figures.steps import Step, steps_of
from usher.web.states import state_of
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
        _birth,
    )
    found = (happening for kind in kinds for happening in kind(contact))
    return nlargest(MOST, found, key=lambda happening: happening.at)


def _birth(contact: Contact) -> Iterator[Happening]:
    why = said.imports(contact, [contact.created_at]).get(contact.created_at, "")
    yield Happening(contact.created_at, _("Became a contact"), why, "info")


def _lists(contact: Contact) -> Iterator[Happening]:
    rows = list(contact.memberships.select_related("list"))
    files = said.imports(contact, [row.joined_at for row in rows])
    for row in rows:
        name = {"list": row.list.name}
        yield Happening(row.joined_at, _("Joined the list “%(list)s”") % name, files.get(row.joined_at, ""))
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
    found = Message.objects.filter(contact=contact).order_by("-queued_at")
    rows = list(found.select_related("campaign", "letter", "send", "enrolment__program")[:MOST])
    wanted = {pk for row in rows if row.send for pk in row.send.lists}
    lists = dict(ContactList.objects.filter(pk__in=wanted).values_list("pk", "name"))
    return (_mail(row, _asked_by(row, lists)) for row in rows)


def _mail(row: Message, asked_by: str) -> Happening:
    mail = {"mail": row.title}
    answer = " ".join(part for part in (str(row.code or ""), row.reply) if part)
    match row.state:
        case MessageState.SENT:
            at = row.sent_at or row.queued_at
            return Happening(at, _("Mailed “%(mail)s”") % mail, asked_by, "mail")
        case MessageState.BOUNCED:
            return Happening(row.sent_at or row.due_at, _("“%(mail)s” bounced") % mail, answer, "bad")
        case MessageState.SKIPPED:
            return Happening(row.due_at, _("“%(mail)s” was not sent") % mail, row.reason, "warn")
        case MessageState.FAILED:
            return Happening(row.due_at, _("“%(mail)s” failed") % mail, row.reason or answer, "bad")
        case MessageState.AMBIGUOUS:
            why = _("It was handed over and the answer was lost; it is not sent again.")
            return Happening(row.due_at, _("“%(mail)s” may have arrived") % mail, why, "warn")
    why = _("deferred by the relay: %(answer)s") % {"answer": answer} if answer else asked_by
    return Happening(row.queued_at, _("“%(mail)s” waits to be sent") % mail, why, "warn")


def _asked_by(row: Message, lists: Mapping[int, str]) -> str:
    """Why the mail was written; `lists` are the names of those that sends went to, by their ids."""
    if row.enrolment:
        return _("asked for by the program “%(program)s”") % {"program": row.enrolment.program.name}
    if row.send is None:
        return "" if row.letter else _("on joining a list")
    if row.send.everybody:
        return _("in the send to everybody")
    names = [f"“{lists[pk]}”" for pk in row.send.lists if pk in lists]
    if row.send.contacts or not names:
        names.append(_("single contacts") if row.send.contacts else _("lists that are gone"))
    return _("in the send to %(lists)s") % {"lists": ", ".join(names)}


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
    """What somebody did at a page is told by the note of it, with who and why."""
    rows = Suppression.objects.filter(account=contact.account_id, email_key=contact.email_key)
    told = said.decided_at(contact)
    for row in rows.order_by("-at")[:MOST]:
        if row.lifted_at and row.lifted_at not in told:
            yield Happening(row.lifted_at, _("May be mailed again"), tone="good")
        if row.at not in told:
            what = _("Must not be mailed: %(reason)s") % {"reason": state_of(row.reason).word}
            yield Happening(row.at, what, said.by_whom(row.source), "bad")
