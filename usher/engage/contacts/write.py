"""The door through which single contacts are written; imports use the same checks on sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from usher.engage.contacts.fields import SEED, types_of
from usher.engage.contacts.suppress import OPEN, suppress, suppression_of
from usher.engage.contacts.values import MisfitError, Value, typed
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, Membership
from usher.engage.models.contacts import EmailType, OptInType, Status
from usher.engage.models.imports import MergeOption
from usher.lib import addresses


@dataclass(frozen=True)
class Draft:
    """What a caller says about a contact; None is not said."""

    email: str
    #: By field name in any case; None or "" empties a field.
    data: Mapping[str, object] = field(default_factory=dict)
    opt_in_type: OptInType | None = None
    email_type: EmailType | None = None
    mobile_number: str | None = None


def save(
    account: Account,
    draft: Draft,
    now: datetime,
    *,
    merge: MergeOption = MergeOption.OVERWRITE,
    closed: bool = False,
) -> tuple[Contact, bool]:
    """Create the contact, or update the one with this address; (contact, whether it is new).

    Refused for a bad address, a value that does not fit, and for somebody who opted out or is suppressed;
    with `closed` the values of such a contact are written, and its status stays.
    """
    email = draft.email.strip()
    if wrong := addresses.problem(email):
        raise EngageError("ERROR_INVALID_EMAIL", f"'{email}': {wrong}.")
    data = checked(account, draft.data)
    with transaction.atomic():
        contact, created = Contact.objects.select_for_update().get_or_create(
            account=account,
            email_key=addresses.key(email),
            defaults={"email": email, "status_at": now, "created_at": now, "updated_at": now},
        )
        held = suppression_of(account, contact.email_key)
        if (held or contact.status not in OPEN) and not closed:
            raise EngageError("ERROR_CONTACT_SUPPRESSED", "Contact is suppressed.")
        if held and (created or contact.status == Status.DELETED):
            contact.status, contact.status_at = held.reason, now
        elif contact.status == Status.DELETED or (created and draft.opt_in_type == "VerifiedDouble"):
            created = True
            wants_proof = draft.opt_in_type == OptInType.VERIFIED_DOUBLE
            contact.status = Status.PENDING_OPT_IN if wants_proof else Status.SUBSCRIBED
            contact.status_at = now
        _put(contact, draft, data, merge, now, always=created)
    return contact, created


def change(contact: Contact, draft: Draft, now: datetime) -> Contact:
    """Update a contact that is known by its id; another address renames it.

    Refused like `save`, and when somebody else has the new address.
    """
    email = draft.email.strip()
    if wrong := addresses.problem(email):
        raise EngageError("ERROR_INVALID_EMAIL", f"'{email}': {wrong}.")
    data = checked(contact.account, draft.data)
    with transaction.atomic():
        contact = Contact.objects.select_for_update().get(pk=contact.pk)
        if contact.status not in OPEN:
            raise EngageError("ERROR_CONTACT_SUPPRESSED", "Contact is suppressed.")
        renamed = addresses.key(email) != contact.email_key
        if renamed:
            _rename(contact, email)
        _put(contact, draft, data, MergeOption.OVERWRITE, now, always=renamed)
    return contact


def keep(account: Account, email: str, now: datetime, source: str) -> Contact:
    """The contact with this address, also one in the recycle bin; a stranger becomes an unsubscribed one.

    So somebody who wishes to leave has a place where the wish is kept, and is never mailed because of it.
    """
    key = addresses.key(email)
    with transaction.atomic():
        if not Contact.objects.filter(account=account, email_key=key).exists():
            save(account, Draft(email), now, closed=True)
            suppress(account, [key], Status.UNSUBSCRIBED, source, now)
        return Contact.objects.select_related("account").get(account=account, email_key=key)


def remove(contact: Contact, now: datetime) -> None:
    """Put a contact into the recycle bin and take it off every list. That is no opt-out, and lifts none."""
    with transaction.atomic():
        Membership.objects.filter(contact=contact, unsubscribed_at=None).delete()
        Contact.objects.filter(pk=contact.pk).update(status=Status.DELETED, status_at=now, updated_at=now)


def checked(account: Account, data: Mapping[str, object]) -> dict[str, Value | None]:
    """The values as the account's fields keep them, by upper-case name.

    Refused for a field that does not exist and for a value that does not fit.
    """
    if not data:
        return {}
    kinds = types_of(account)
    values: dict[str, Value | None] = {}
    for name, value in data.items():
        upper = str(name).strip().upper()
        if upper not in kinds:
            raise EngageError("ERROR_DATAFIELD_NOTFOUND", f"There is no data field '{name}'.")
        try:
            values[upper] = typed(kinds[upper], value)
        except MisfitError as problem:
            raise EngageError(problem.token, f"The value of {upper} {problem}.") from None
    return values


def merged(
    old: Mapping[str, Value], new: Mapping[str, Value | None], option: MergeOption
) -> dict[str, Value]:
    """The values that a contact has after it had `old` and was sent `new`."""
    if option == MergeOption.IF_NOT_POPULATED:
        return {name: value for name, value in new.items() if value is not None} | dict(old)
    if option == MergeOption.IF_NOT_EMPTY:
        return dict(old) | {name: value for name, value in new.items() if value is not None}
    return {name: value for name, value in (dict(old) | dict(new)).items() if value is not None}


def _rename(contact: Contact, email: str) -> None:
    email_key = addresses.key(email)
    if Contact.objects.filter(account_id=contact.account_id, email_key=email_key).exists():
        raise EngageError("ERROR_NON_UNIQUE_EMAIL", f"'{email}' belongs to another contact.")
    if suppression_of(contact.account, email_key):
        raise EngageError("ERROR_CONTACT_SUPPRESSED", "Contact is suppressed.")
    contact.email, contact.email_key = email, email_key


def _put(
    contact: Contact,
    draft: Draft,
    data: Mapping[str, Value | None],
    merge: MergeOption,
    now: datetime,
    *,
    always: bool = False,
) -> None:
    """Write what the draft says; a contact that has it already is not touched."""
    before = (contact.data, contact.opt_in_type, contact.email_type, contact.mobile_number)
    contact.data = merged(contact.data, data, merge)
    contact.is_seed = contact.data.get(SEED) is True
    contact.opt_in_type = draft.opt_in_type or contact.opt_in_type
    contact.email_type = draft.email_type or contact.email_type
    if draft.mobile_number is not None:
        contact.mobile_number = draft.mobile_number
    after = (contact.data, contact.opt_in_type, contact.email_type, contact.mobile_number)
    if always or before != after:
        contact.updated_at = now
        contact.save()
