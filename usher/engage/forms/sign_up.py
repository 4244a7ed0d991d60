"""Somebody signs up by a form: what that changes at once, and what only the answer to a mail changes."""

from __future__ import annotations

from datetime import datetime

from usher.engage import audit
from usher.engage.contacts import confirm, consent, erased
from usher.engage.contacts.consent import Evidence
from usher.engage.contacts.suppress import FINAL, suppression_of
from usher.engage.contacts.write import Draft, save
from usher.engage.forms.answers import Answers
from usher.engage.lists import joining
from usher.engage.models import Choice, Confirmation, Contact, Form, Membership, SuppressedDomain
from usher.engage.models.contacts import OptInType, Status
from usher.engage.models.imports import MergeOption
from usher.engage.preferences.choices import choose
from usher.lib import addresses

_IN = (Status.SUBSCRIBED, Status.PENDING_OPT_IN)


def sign_up(form: Form, said: Answers, evidence: Evidence, now: datetime) -> None:
    """Do what was asked for; whether somebody is known, left or was suppressed is told to nobody.

    Anybody can write anybody's address: so a form fills in what is empty, and neither changes a value that
    is there nor takes back an opt-out; coming back takes an answer to a mail. The answers have no problems.
    """
    by = f"form {form.name}"
    with audit.signed(form.account, by, now):
        if _stays_out(form, said.email):
            return
        contact = _written(form, said, now)
        consent.record(contact, [evidence], by, now)
        refused = Choice.objects.filter(contact=contact, opted_in=False, preference__in=said.topics)
        wanted = said.topics - set(refused.values_list("preference_id", flat=True))
        choose(contact, dict.fromkeys(wanted, True), now)
        _join(form, contact, now)


def _stays_out(form: Form, email: str) -> bool:
    """Is the address closed for good? Then nothing is kept of it, either."""
    key = addresses.key(email)
    erased.recall(form.account, [key])
    held = suppression_of(form.account, key)
    domains = SuppressedDomain.objects.filter(account=form.account_id, domain=key.rpartition("@")[2])
    known = Contact.objects.filter(account=form.account_id, email_key=key, status__in=FINAL)
    return (held is not None and held.reason in FINAL) or domains.exists() or known.exists()


def _written(form: Form, said: Answers, now: datetime) -> Contact:
    known = Contact.objects.filter(account=form.account_id, email_key=addresses.key(said.email))
    is_new = not known.exclude(status=Status.DELETED).exists()
    kind = OptInType.VERIFIED_DOUBLE if _wants_proof(form) else OptInType.SINGLE
    draft = Draft(said.email, said.data, kind if is_new else None)
    merge = MergeOption.IF_NOT_POPULATED
    return save(form.account, draft, now, merge=merge, closed=True, asks=False)[0]


def _wants_proof(form: Form) -> bool:
    return form.account.double_opt_in or form.list.double_opt_in


def _join(form: Form, contact: Contact, now: datetime) -> None:
    membership = Membership.objects.filter(list=form.list, contact=contact).first()
    left = membership is not None and membership.unsubscribed_at is not None
    if contact.status not in _IN or left:
        _ask(form, contact, Confirmation.Kind.RESUBSCRIBE, now)
    elif contact.status == Status.PENDING_OPT_IN or (_wants_proof(form) and membership is None):
        _ask(form, contact, Confirmation.Kind.OPT_IN, now)
    else:
        joining.join(form.list, contact, now)


def _ask(form: Form, contact: Contact, kind: Confirmation.Kind, now: datetime) -> None:
    confirm.ask(contact, kind, now, joins=form.list, return_url=form.return_url)
