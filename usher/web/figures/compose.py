"""A campaign while it is being written: what is wrong with it, and how one contact would see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usher.engage.campaigns import edit, senders
from usher.engage.campaigns.content import INVALID
from usher.engage.campaigns.proof import as_seen
from usher.engage.content.check import problems, remarks
from usher.engage.content.fields import Fields
from usher.engage.content.liquid import TemplateError
from usher.engage.content.render import Draft
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, Contact, Preference

#: What stands in a new campaign, to be written over.
HTML = """<!doctype html>
<html>
<body style="margin: 0; padding: 24px; background: #f4f1ea; font-family: Georgia, serif">
  <div style="max-width: 560px; margin: auto; padding: 28px; background: #ffffff">
    <h1 style="font-size: 24px">Good morning</h1>
    <p>What you want to say.</p>
    <p><a href="https://example.com">Where it leads</a></p>
  </div>
  <p style="text-align: center; font-size: 12px">
    <a href="http://$UNSUB$">Unsubscribe</a>
  </p>
</body>
</html>
"""
TEXT = """Good morning

What you want to say.
https://example.com

Unsubscribe: http://$UNSUB$
"""
#: Of these, what nobody means to send.
UNWRITTEN = "What you want to say"
#: Domains that are kept for examples.
EXAMPLE = re.compile(r"[@.](?:example\.(?:com|net|org)|example|invalid|test)$", re.IGNORECASE)
#: The fields of the form that are the campaign's own.
OWN = ("name", "subject", "from_name", "from_address", "reply_to", "preference", "html", "text")


@dataclass(frozen=True)
class Look:
    """A draft as it is looked at."""

    #: Why it could not be saved; then what is merely odd.
    problems: list[str]
    remarks: list[str]
    person: Contact | None
    #: The mail, or why there is none for this person.
    draft: Draft | str

    @property
    def html(self) -> str:
        return "" if isinstance(self.draft, str) else "".join(self.draft.html)

    @property
    def text(self) -> str:
        return "" if isinstance(self.draft, str) else "".join(self.draft.text)

    @property
    def trouble(self) -> str:
        return self.draft if isinstance(self.draft, str) else ""


def look(campaign: Campaign, person: Contact | None, now: datetime) -> Look:
    """What is to be said of this content, and the mail that it makes for `person`."""
    fields = Fields.of(campaign.account)
    # the form itself asks for a subject; while it is not written yet, that is no news
    wrong = problems(campaign.subject or "…", campaign.html, campaign.text, fields)
    odd = [*_unwritten(campaign), *remarks(campaign.subject, campaign.html, campaign.text)]
    return Look(wrong, odd, person, drafted(campaign, person, now))


def _unwritten(campaign: Campaign) -> list[str]:
    """What is still as a new campaign has it."""
    of, found = campaign.account, []
    if not campaign.subject.strip():
        found.append(_("subject: there is none yet"))
    if not (campaign.from_name.strip() or of.from_name.strip()):
        found.append(_("from: there is no name; people see the bare address"))
    address = campaign.from_address or of.from_address
    if EXAMPLE.search(address):
        found.append(
            _("from: {address} is an address for examples, which nobody owns").format(address=address)
        )
    for part, written in (("html", campaign.html), ("text", campaign.text)):
        if UNWRITTEN in written:
            found.append(_("{part}: still says “{words}”").format(part=part, words=UNWRITTEN))
    return found


def drafted(campaign: Campaign, person: Contact | None, now: datetime) -> Draft | str:
    """The mail for this person (or for nobody in particular); why it cannot be made, if it cannot."""
    try:
        return as_seen(campaign, person, now)
    except TemplateError as error:
        return str(error)


def example(campaign: Campaign, address: str) -> Contact | None:
    """The contact with this address; without one, who was mailed last, or else anybody."""
    people = Contact.objects.filter(account=campaign.account_id)
    if address:
        return people.filter(email_key=address.lower()).first()
    mails = campaign.messages.filter(contact__is_seed=False) if campaign.pk else None
    mailed = mails.select_related("contact").order_by("-id").first() if mails is not None else None
    if mailed:
        return mailed.contact
    return people.filter(is_seed=False, status="Subscribed").order_by("id").first()


def save(row: Campaign, values: dict[str, Any], now: datetime, *, seen: str = "") -> Campaign:
    """Make or change a campaign. EngageError when it could not be mailed, or may not be changed any more.

    `seen` is what `seen` gave of the campaign that somebody changed: another has not been saved since.
    """
    wanted = {name: values[name] for name in OWN if name in values}
    wanted["from_address"] = senders.chosen(row.account, wanted["from_address"])
    if row.pk:
        return edit.change(row, now, seen=datetime.fromisoformat(seen) if seen else None, **wanted)
    return edit.create(row.account, now, triggered=values["kind"] == "triggered", **wanted)


def seen(row: Campaign) -> str:
    """Which version of a campaign this is, to find out whether it was saved elsewhere meanwhile."""
    return row.updated_at.isoformat() if row.pk else ""


def refusals(problem: EngageError, looked: Look) -> list[str]:
    """Why a campaign was not saved: everything that is wrong with its content at once."""
    if problem.token == INVALID and looked.problems:
        return looked.problems
    if problem.token == edit.CHANGED:
        said = _("it was saved elsewhere meanwhile, perhaps in another tab: look at that there first")
        return [said, _("what you wrote is below; saving it now overwrites the other")]
    return [problem.message]


def addresses(account: Account) -> list[str]:
    """From which mail may come, the account's own first."""
    return list(senders.known(account))


def topics_of(account: Account) -> QuerySet[Preference]:
    return Preference.objects.filter(account=account, is_preference=True).order_by("place", "pk")
