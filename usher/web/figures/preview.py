"""A campaign as one person would get it, its links still pointing to their targets."""

from __future__ import annotations

from datetime import datetime

from usher.engage.content.fields import Fields, Person
from usher.engage.content.liquid import TemplateError
from usher.engage.content.render import Draft, Template
from usher.engage.models import Campaign, Contact


def example(campaign: Campaign, address: str) -> Contact | None:
    """The contact with this address; without one, who was mailed last, or else anybody."""
    people = Contact.objects.filter(account=campaign.account_id)
    if address:
        return people.filter(email_key=address.lower()).first()
    mailed = (
        campaign.messages.filter(contact__is_seed=False).select_related("contact").order_by("-id").first()
    )
    return mailed.contact if mailed else people.filter(is_seed=False).order_by("id").first()


def drafted(campaign: Campaign, person: Contact | None, now: datetime) -> Draft | str:
    """The mail for this person (or for nobody in particular); why it cannot be made, if it cannot."""
    whom = Person(person.pk, person.email, person.data) if person else Person(0, "somebody@example.com", {})
    try:
        return Template(campaign, Fields.of(campaign.account)).draft(whom, now)
    except TemplateError as error:
        return str(error)
