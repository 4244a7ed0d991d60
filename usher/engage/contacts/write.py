"""The door through which single contacts are written; imports use the same checks on sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from usher.engage.contacts import confirm
from usher.engage.contacts.fields import FIELD_NAMES, SEED, types_of
from usher.engage.contacts.suppress import OPEN, is_suppressed, suppress
from usher.engage.contacts.values import MisfitError, Value, typed
from usher.engage.errors import EngageError
from usher.engage.models import Account, Confirmation, Contact, Membership
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
    asks: bool = True,
) -> tuple[Contact, bool]:
    """Create the contact, or update the one with this address; (contact, whether it is new).

    Refused for a bad address, a value that does not fit, and for somebody who opted out or is suppressed;
    with `closed` the values of such a contact are written, and its status stays. Whoever is new and has to
    confirm is asked by mail; without `asks` that is the caller's to do.
    """
    email = draft.email.strip()
    if wrong := addresses.problem(email):
        raise EngageError("ERROR_INVALID_EMAIL", f"'{email}': {wrong}.")
    data = checked(account, draft.data)
    with transaction.atomic():
        contact = _found(account, email)
        if contact is None:
            made = _made(account, email, draft, merged({}, data, merge), now, closed)
            if made is not None:
                _ask(made, now, asks)
                return made, True
            contact = _found(account, email)  # somebody else was quicker, unless the address is suppressed
        if contact is None:
            raise _suppressed()
        created = _let_in(contact, draft, now, closed)
        _put(contact, draft, data, merge, now, always=created)
        if created:
            _ask(contact, now, asks)
    return contact, created


def _ask(contact: Contact, now: datetime, asks: bool) -> None:
    if asks and contact.status == Status.PENDING_OPT_IN:
        confirm.ask(contact, Confirmation.Kind.OPT_IN, now)


# The contact, locked, and why its address is suppressed, if it is: one question, because it is the usual one.
_FIND = f"""
select c.*, {FIELD_NAMES}, coalesce(s.reason, case when d.id is not null then 'DomainSuppression' end) as held
from engage_contact c
left join engage_suppression s
       on s.account_id = c.account_id and s.email_key = c.email_key and s.lifted_at is null
left join engage_suppresseddomain d
       on d.account_id = c.account_id and d.domain = split_part(c.email_key, '@', 2)
where c.account_id = %(account)s and c.email_key = %(key)s
for update of c
"""

_MAKE = f"""
insert into engage_contact as c (
    account_id, email, email_key, mobile_number, status, status_at, opt_in_type, email_type, data,
    is_seed, created_at, updated_at)
select %(account)s, %(email)s, %(key)s, %(mobile)s, coalesce(held.reason, %(status)s), %(now)s, %(opt_in)s,
       %(kind)s, %(data)s::jsonb, %(seed)s, %(now)s, %(now)s
from (select coalesce(
    (select reason from engage_suppression
      where account_id = %(account)s and email_key = %(key)s and lifted_at is null),
    (select 'DomainSuppression' from engage_suppresseddomain
      where account_id = %(account)s and domain = split_part(%(key)s, '@', 2))) as reason) held
where held.reason is null or %(closed)s
on conflict (account_id, email_key) do nothing
returning c.*, {FIELD_NAMES}
"""


def _found(account: Account, email: str) -> Contact | None:
    rows = Contact.objects.raw(_FIND, {"account": account.pk, "key": addresses.key(email)})
    contact = next(iter(rows), None)
    if contact is not None:
        contact.account = account
    return contact


def _made(
    account: Account, email: str, draft: Draft, data: dict[str, Value], now: datetime, closed: bool
) -> Contact | None:
    """A new contact; None when there is one already, or, unless `closed`, the address is suppressed."""
    values = {
        "account": account.pk,
        "email": email,
        "key": addresses.key(email),
        "mobile": draft.mobile_number or "",
        "status": _status_of_new(account, draft).value,
        "opt_in": (draft.opt_in_type or OptInType.UNKNOWN).value,
        "kind": (draft.email_type or EmailType.HTML).value,
        "data": json.dumps(data),
        "seed": data.get(SEED) is True,
        "closed": closed,
        "now": now,
    }
    contact = next(iter(Contact.objects.raw(_MAKE, values)), None)
    if contact is not None:
        contact.account = account
    return contact


def _status_of_new(account: Account, draft: Draft) -> Status:
    wants_proof = account.double_opt_in or draft.opt_in_type == OptInType.VERIFIED_DOUBLE
    return Status.PENDING_OPT_IN if wants_proof else Status.SUBSCRIBED


def _let_in(contact: Contact, draft: Draft, now: datetime, closed: bool) -> bool:
    """May it be written? One out of the recycle bin begins anew, and answers true."""
    held: str | None = contact.held  # type: ignore[attr-defined]  # a column of _FIND
    if (held or contact.status not in OPEN) and not closed:
        raise _suppressed()
    if contact.status != Status.DELETED:
        return False
    contact.status = held or _status_of_new(contact.account, draft)
    contact.status_at = now
    return held is None


def _suppressed() -> EngageError:
    return EngageError("ERROR_CONTACT_SUPPRESSED", "Contact is suppressed.")


def change(contact: Contact, draft: Draft, now: datetime) -> Contact:
    """Update a contact that is known by its id; another address renames it.

    Refused like `save`, and when somebody else has the new address.
    """
    email = draft.email.strip()
    if wrong := addresses.problem(email):
        raise EngageError("ERROR_INVALID_EMAIL", f"'{email}': {wrong}.")
    data = checked(contact.account, draft.data)
    with transaction.atomic():
        account, contact = contact.account, Contact.objects.select_for_update().get(pk=contact.pk)
        contact.account = account
        if contact.status not in OPEN:
            raise _suppressed()
        renamed = email != contact.email
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


_PURGE = """
with binned as (
    update engage_contact
       set email = '', email_key = null, mobile_number = '', external_id = '', data = '{}',
           updated_at = %(now)s
     where account_id = %(account)s and status = 'Deleted' and (email_key is not null or mobile_number <> '')
    returning id
), consents as (
    delete from engage_consent using binned where contact_id = binned.id
), choices as (
    delete from engage_choice using binned where contact_id = binned.id
)
select count(*) from binned
"""


def purge(account: Account, now: datetime) -> int:
    """Empty the recycle bin for good; how many were in it. Suppressions and figures stay."""
    with connection.cursor() as cursor:
        cursor.execute(_PURGE, {"account": account.pk, "now": now})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


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
    others = Contact.objects.filter(account_id=contact.account_id, email_key=email_key)
    if others.exclude(pk=contact.pk).exists():
        raise EngageError("ERROR_NON_UNIQUE_EMAIL", f"'{email}' belongs to another contact.")
    if is_suppressed(contact.account, email_key):
        raise _suppressed()
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
        _update(contact)


_UPDATE = """
update engage_contact
   set email = %(email)s, email_key = %(email_key)s, mobile_number = %(mobile_number)s, status = %(status)s,
       status_at = %(status_at)s, opt_in_type = %(opt_in_type)s, email_type = %(email_type)s,
       data = %(values)s::jsonb, is_seed = %(is_seed)s, updated_at = %(updated_at)s
 where id = %(id)s
"""


def _update(contact: Contact) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, vars(contact) | {"values": json.dumps(contact.data)})
