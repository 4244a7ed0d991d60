"""The preference centre: what one person gets, and what they change of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from usher.engage import audit
from usher.engage.contacts import confirm
from usher.engage.contacts.suppress import is_final, suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.forms.answers import Answers, Question, public_questions, read_values, ticked
from usher.engage.lists import joining, members
from usher.engage.models import Choice, Confirmation, Contact, ContactList, Membership, Message, Preference
from usher.engage.models.contacts import Status, Visibility
from usher.engage.models.lists import ListKind
from usher.engage.preferences.choices import choose
from usher.engage.preferences.tree import preferences
from usher.lib import addresses

BY = "preference centre"


@dataclass(frozen=True)
class Tick:
    """A list or topic, and whether the person gets it."""

    key: int
    label: str
    on: bool
    note: str = ""


@dataclass(frozen=True)
class Centre:
    """Everything that one person may choose."""

    contact: Contact
    lists: list[Tick]
    #: By category, in their order; "" for those of none.
    topics: dict[str, list[Tick]]
    #: Whether they have said nothing yet of one of them, or of more.
    unsaid: bool
    questions: list[Question]

    @property
    def is_out(self) -> bool:
        return self.contact.status not in (Status.SUBSCRIBED, Status.PENDING_OPT_IN)


def behind(message: int) -> Contact | None:
    """The contact that a mail went to; None when it is no contact, or not any more."""
    row = Message.objects.select_related("contact").filter(pk=message).first()
    if row is None:
        return None
    rows = Contact.objects.select_related("account").exclude(status=Status.DELETED).exclude(email="")
    return rows.filter(account=row.account_id, email_key=addresses.key(row.to)).first()


def centre(contact: Contact) -> Centre:
    """What the person may choose, as it is now: public lists, public topics, public data fields."""
    on = set(
        Membership.objects.filter(contact=contact, unsubscribed_at=None).values_list("list_id", flat=True)
    )
    public = ContactList.objects.filter(
        account=contact.account_id, visibility=Visibility.PUBLIC, kind=ListKind.LIST
    )
    lists = [Tick(one.pk, one.name, one.pk in on, one.description) for one in public.order_by("name")]
    topics = _topics(contact)
    asked = {one.key for ticks in topics.values() for one in ticks}
    unsaid = asked - set(Choice.objects.filter(contact=contact).values_list("preference_id", flat=True))
    return Centre(contact, lists, topics, bool(unsaid), public_questions(contact.account, contact.data))


def _topics(contact: Contact) -> dict[str, list[Tick]]:
    left = set(Choice.objects.filter(contact=contact, opted_in=False).values_list("preference_id", flat=True))
    public = [one for one in preferences(contact.account) if one.is_public]
    heads = {one.pk: one.public_name for one in public if not one.is_preference}
    found: dict[str, list[Tick]] = {name: [] for name in ["", *heads.values()]}
    for one in public:
        if one.is_preference:  # of a category that is not public no name is told
            found[heads.get(one.category_id or 0, "")].append(_tick(one, left))
    return {name: ticks for name, ticks in found.items() if ticks}


def _tick(one: Preference, left: set[int]) -> Tick:
    """Whoever said nothing of a topic gets what is sent about it."""
    return Tick(one.pk, one.public_name or one.private_name, one.pk not in left)


def change(found: Centre, posted: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Write what was ticked and typed; the problems by name of the input: then nothing is written."""
    said = Answers()
    read_values(found.questions, posted, said)
    if said.problems:
        return said.problems
    contact = found.contact
    with audit.signed(contact.account, BY, now):
        changed = {one.field: said.data[one.field] for one in found.questions if _differs(one, posted)}
        if changed:
            save(contact.account, Draft(contact.email, changed), now, closed=True, asks=False)
        ticks = [one for group in found.topics.values() for one in group]
        choose(contact, {one.key: ticked(posted, f"topic_{one.key}") for one in ticks}, now)
        if not found.is_out:
            _change_lists(found, posted, now)
    return {}


def _differs(one: Question, posted: Mapping[str, str]) -> bool:
    return (ticked(posted, one.name) if one.is_tick else posted.get(one.name, "").strip()) != (
        one.value or ""
    )


def _change_lists(found: Centre, posted: Mapping[str, str], now: datetime) -> None:
    rows = ContactList.objects.in_bulk(
        [one.key for one in found.lists if ticked(posted, f"list_{one.key}") != one.on],
    )
    for one in found.lists:
        if one.key in rows and one.on:
            members.opt_out(rows[one.key], found.contact, now)
        elif one.key in rows:
            joining.rejoin(rows[one.key], found.contact, now)


def leave(found: Centre, message: int, now: datetime) -> None:
    """No more mail at all."""
    contact = found.contact
    with audit.signed(contact.account, BY, now):
        suppress(contact.account, [contact.email_key], Status.UNSUBSCRIBED, BY, now, message_id=message)


def come_back(found: Centre, now: datetime) -> None:
    """Whoever left is asked by mail; a final suppression says nothing and stays."""
    if found.is_out and found.contact.email and not is_final(found.contact):
        confirm.ask(found.contact, Confirmation.Kind.RESUBSCRIBE, now)
