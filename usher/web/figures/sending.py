"""Sending a campaign: what somebody chose at the page, and whom it would reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from usher.engage.accounts import limit
from usher.engage.campaigns import recipients, send
from usher.engage.campaigns.recipients import LEFT_LIST, NO_ADDRESS, TOPIC, Outlook
from usher.engage.campaigns.trial import Test
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, Contact, ContactList, Send
from usher.engage.models.campaigns import CampaignStatus
from usher.engage.models.contacts import Status
from usher.lib import addresses
from usher.web.states import state_of

#: Seconds after which a count is given up.
LIMIT = 60
NOW, AT, BEST = "now", "at", "best"


class SendForm(forms.Form):
    """Whom a campaign goes to, and when."""

    lists = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Lists and segments"),
    )
    contacts = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=gettext_lazy("And these contacts"),
    )
    when = forms.ChoiceField(
        choices=[(NOW, gettext_lazy("now")), (AT, gettext_lazy("at"))],
        widget=forms.RadioSelect,
        label=gettext_lazy("When"),
        initial=NOW,
    )
    at = forms.DateTimeField(
        required=False,
        label=gettext_lazy("Day and time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    metric = forms.ChoiceField(
        choices=[("Opens", gettext_lazy("opens")), ("Clicks", gettext_lazy("clicks"))],
        label=gettext_lazy("The best version has the most"),
    )
    percentage = forms.IntegerField(
        min_value=1, max_value=100, initial=20, label=gettext_lazy("Tried on so many of a hundred")
    )
    hours = forms.IntegerField(
        min_value=1, max_value=720, initial=4, label=gettext_lazy("The others get it after so many hours")
    )

    def __init__(self, campaign: Campaign, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.campaign = campaign
        self.people: list[int] = []
        rows = ContactList.objects.filter(account=campaign.account_id).order_by("folder", "name")
        self.fields["lists"].choices = [(row.pk, row.name) for row in rows]  # type: ignore[attr-defined]
        most = limit(campaign.account, "contacts_per_send")
        said = _("Whole addresses, one a line; at most {most}. For more people make a list.")
        self.fields["contacts"].help_text = said.format(most=most)
        if campaign.status == CampaignStatus.UNSENT and not campaign.is_split_test:
            best = _("within a day, to each at the hour at which they open most")
            self.fields["when"].choices += [(BEST, best)]  # type: ignore[attr-defined]
        if not campaign.is_split_test:
            for name in ("metric", "percentage", "hours"):
                del self.fields[name]

    def clean_contacts(self) -> str:
        """The ids of the contacts are then in `people`."""
        said = str(self.cleaned_data["contacts"])
        words = [
            word.strip() for word in said.replace(",", "\n").replace(";", "\n").splitlines() if word.strip()
        ]
        keys = [addresses.key(word) for word in words]
        known = Contact.objects.filter(account=self.campaign.account, email_key__in=keys)
        found = dict(known.exclude(status=Status.DELETED).values_list("email_key", "pk"))
        if strangers := [word for word, key in zip(words, keys, strict=True) if key not in found]:
            raise forms.ValidationError(_("There is no contact {who}.").format(who=", ".join(strangers[:5])))
        most = limit(self.campaign.account, "contacts_per_send")
        if len(found) > most:
            raise forms.ValidationError(_("At most {most} contacts; make a list of them.").format(most=most))
        self.people = sorted(found.values())
        return said

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("when") == AT and not said.get("at") and "at" not in self.errors:
            self.add_error("at", _("Say when."))
        no_contacts = not said.get("contacts") and "contacts" not in self.errors
        if not said.get("lists") and no_contacts and not self.campaign.account.send_to_everybody:
            self.add_error("lists", _("Choose a list or segment, or name a contact."))
        return said


@dataclass(frozen=True)
class Asked:
    """What was chosen, and has been checked."""

    campaign: Campaign
    lists: list[int]
    contacts: list[int]
    at: datetime | None
    optimised: bool
    test: Test | None

    @classmethod
    def of(cls, form: SendForm) -> Asked:
        said = form.cleaned_data
        test = Test(said["metric"], said["percentage"], said["hours"]) if "metric" in said else None
        at = said["at"] if said["when"] == AT else None
        return cls(form.campaign, said["lists"], form.people, at, said["when"] == BEST, test)

    @property
    def everybody(self) -> bool:
        return not self.lists and not self.contacts

    @property
    def names(self) -> list[str]:
        """Of the lists and contacts."""
        lists = ContactList.objects.filter(pk__in=self.lists).order_by("name")
        people = Contact.objects.filter(pk__in=self.contacts).order_by("pk")
        return [*lists.values_list("name", flat=True), *people.values_list("email", flat=True)]

    def again(self, said: Any) -> str:
        """The same choice as a query."""
        kept = ("lists", "contacts", "when", "at", "metric", "percentage", "hours")
        return urlencode([(name, value) for name in kept for value in said.getlist(name)])


@dataclass(frozen=True)
class Reach:
    """Whom it would reach, and in words why not the others."""

    outlook: Outlook
    others: list[tuple[str, int]]

    @property
    def left_out(self) -> int:
        return sum(self.outlook.others.values())


def reach(asked: Asked, now: datetime, *, refreshed: bool) -> Reach:
    """Count; `refreshed` works segments out first, as sending does. EngageError says why it cannot."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"set local statement_timeout = '{LIMIT}s'")
            if refreshed:
                recipients.refresh_segments(asked.lists, now)
            found = recipients.outlook(asked.campaign, asked.lists, asked.contacts, everybody=asked.everybody)
    except OperationalError:
        raise EngageError("", _("counting took longer than a minute and was given up; try again")) from None
    return Reach(found, [(_why(reason), number) for reason, number in found.others.items()])


def ask(asked: Asked, now: datetime) -> Send:
    """Have it sent. EngageError says why not."""
    return send.ask(
        asked.campaign,
        now,
        lists=asked.lists,
        contacts=asked.contacts,
        at=asked.at,
        optimised=asked.optimised,
        test=asked.test,
    )


def lists_of(account: Account) -> dict[str, list[ContactList]]:
    """Folder -> its lists and segments, to choose from."""
    found: dict[str, list[ContactList]] = {}
    for row in ContactList.objects.filter(account=account).order_by("folder", "name"):
        found.setdefault(row.folder, []).append(row)
    return found


def earliest(now: datetime) -> str:
    """The first moment that can be chosen, as its field has it."""
    return f"{localtime(now):%Y-%m-%dT%H:%M}"


def _why(reason: str) -> str:
    words = {
        NO_ADDRESS: _("have no address"),
        TOPIC: _("opted out of the topic"),
        LEFT_LIST: _("left the list"),
    }
    return words.get(reason) or state_of(reason).word
