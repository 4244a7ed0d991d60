"""The door through which single contacts are written; imports use the same checks on sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from usher.engage.contacts import confirm, erased
from usher.engage.contacts.fields import FIELD_NAMES, SEED, read, types_of
from usher.engage.contacts.suppress import OPEN, held, is_suppressed, suppress
from usher.engage.contacts.values import MisfitError, Value, typed
from usher.engage.errors import EngageError
from usher.engage.models import Account, Confirmation, Contact, Membership
from usher.engage.models.contacts import EmailType, OptInType, Status
from usher.engage.models.imports import MergeOption
from usher.lib import addresses
from usher.lib.database.ready import Ready


@dataclass(frozen=True)
class Draft:
    """What a caller says about a contact; None is not said."""

    #: "" where it stays what it is, and for somebody who is new and has only a mobile number.
    email: str
    #: By field name in any case; None or "" empties a field.
    data: Mapping[str, object] = field(default_factory=dict)
    opt_in_type: OptInType | None = None
    email_type: EmailType | None = None
    mobile_number: str | None = None
    #: Of the mobile number, as contacts keep it.
    sms_status: str | None = None


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
        found = _found(account, email)
        if found is None:
            made = _made(account, email, draft, merged({}, data, merge), now, closed)
            if made is not None:
                _ask(made, now, asks)
                return made, True
            found = _found(account, email)  # somebody else was quicker, unless the address is suppressed
        if found is None:
            raise _suppressed()
        contact, held_for = found
        created = _let_in(contact, held_for, draft, now, closed)
        _put(contact, draft, data, merge, now, always=created)
        if created:
            _ask(contact, now, asks)
    return contact, created


def create(account: Account, draft: Draft, now: datetime) -> Contact | None:
    """A new contact with an address, a mobile number, or both; None when somebody has one of them already.

    Refused for a bad address and a value that does not fit. One whose address is suppressed is created as
    what it is; one who has to confirm is asked by mail.
    """
    email = draft.email.strip()
    if (email or not draft.mobile_number) and (wrong := addresses.problem(email)):
        raise EngageError("ERROR_INVALID_EMAIL", f"'{email}': {wrong}.")
    data = checked(account, draft.data)
    with transaction.atomic():
        made = _made(account, email, draft, merged({}, data, MergeOption.OVERWRITE), now, closed=True)
        if made is not None:
            _ask(made, now, True)
    return made


def _ask(contact: Contact, now: datetime, asks: bool) -> None:
    if asks and contact.status == Status.PENDING_OPT_IN:
        confirm.ask(contact, Confirmation.Kind.OPT_IN, now)


# The contact, locked, and why its address is suppressed, if it is: one question, because it is the usual one.
_FIND = Ready(
    f"""
select c.*, {FIELD_NAMES}, coalesce(s.reason, case when d.id is not null then 'DomainSuppression' end)
from engage_contact c
left join engage_suppression s
       on s.account_id = c.account_id and s.email_key = c.email_key and s.lifted_at is null
left join engage_suppresseddomain d
       on d.account_id = c.account_id and d.domain = split_part(c.email_key, '@', 2)
where c.account_id = %(account)s and c.email_key = %(key)s
for update of c
""",
    c=Contact,
)

_MAKE = Ready(
    f"""
insert into engage_contact as c (
    account_id, email, email_key, mobile_number, sms_status, status, status_at, opt_in_type, email_type,
    data, is_seed, created_at, updated_at)
select %(account)s, %(email)s, %(key)s, %(mobile)s, %(sms)s, coalesce(held.reason, %(status)s), %(now)s,
       %(opt_in)s, %(kind)s, %(data)s::jsonb, %(seed)s, %(now)s, %(now)s
from (select coalesce(
    (select reason from engage_suppression
      where account_id = %(account)s and email_key = %(key)s and lifted_at is null),
    (select 'DomainSuppression' from engage_suppresseddomain
      where account_id = %(account)s and domain = split_part(%(key)s, '@', 2))) as reason) held
where held.reason is null or %(closed)s
on conflict do nothing
returning c.*, {FIELD_NAMES}
""",
    c=Contact,
)


def _found(account: Account, email: str) -> tuple[Contact, str | None] | None:
    found = _FIND.row({"account": account.pk, "key": addresses.key(email)})
    return None if found is None else (read(found, account), found[2])


def _made(
    account: Account, email: str, draft: Draft, data: dict[str, Value], now: datetime, closed: bool
) -> Contact | None:
    """A new contact; None when there is one already, or, unless `closed`, the address is suppressed."""
    erased.recall(account, [addresses.key(email)])
    values = {
        "account": account.pk,
        "email": email,
        "key": addresses.key(email) or None,
        "mobile": draft.mobile_number or "",
        "sms": draft.sms_status or "",
        "status": _status_of_new(account, draft, email).value,
        "opt_in": (draft.opt_in_type or OptInType.UNKNOWN).value,
        "kind": (draft.email_type or EmailType.HTML).value,
        "data": json.dumps(data),
        "seed": data.get(SEED) is True,
        "closed": closed,
        "now": now,
    }
    made = _MAKE.row(values)
    return None if made is None else read(made, account)


def _status_of_new(account: Account, draft: Draft, email: str) -> Status:
    """Without an address there is nothing to confirm."""
    wants_proof = account.double_opt_in or draft.opt_in_type == OptInType.VERIFIED_DOUBLE
    return Status.PENDING_OPT_IN if email and wants_proof else Status.SUBSCRIBED


def _let_in(contact: Contact, held_for: str | None, draft: Draft, now: datetime, closed: bool) -> bool:
    """May it be written? One out of the recycle bin begins anew, and answers true."""
    if (held_for or contact.status not in OPEN) and not closed:
        raise _suppressed()
    if contact.status != Status.DELETED:
        return False
    contact.status = held_for or _status_of_new(contact.account, draft, contact.email)
    contact.status_at = now
    return held_for is None


def _suppressed() -> EngageError:
    return EngageError("ERROR_CONTACT_SUPPRESSED", "Contact is suppressed.")


def change(
    contact: Contact,
    draft: Draft,
    now: datetime,
    *,
    merge: MergeOption = MergeOption.OVERWRITE,
    closed: bool = False,
) -> Contact:
    """Update a contact that is known by its id; another address renames it.

    Refused like `save`, and when somebody else has the new address or number. With `closed` one that may not
    be mailed is written all the same and stays what it is, and one in the recycle bin begins anew.
    """
    email = draft.email.strip()
    if email and (wrong := addresses.problem(email)):
        raise EngageError("ERROR_INVALID_EMAIL", f"'{email}': {wrong}.")
    data = checked(contact.account, draft.data)
    try:
        with transaction.atomic():
            return _changed(contact, email, draft, data, now, merge, closed)
    except IntegrityError:  # somebody else was quicker
        raise _taken(draft.mobile_number or email) from None


def _changed(
    known: Contact,
    email: str,
    draft: Draft,
    data: Mapping[str, Value | None],
    now: datetime,
    merge: MergeOption,
    closed: bool,
) -> Contact:
    contact = Contact.objects.select_for_update().get(pk=known.pk)
    contact.account = known.account
    if contact.status not in OPEN and not closed:
        raise _suppressed()
    begins = closed and contact.status == Status.DELETED
    renamed = bool(email) and email != contact.email
    if renamed:
        # whoever had no address was asked nothing about it
        begins = begins or (contact.email_key is None and contact.status == Status.SUBSCRIBED)
        _rename(contact, email, begins, now)
    if draft.mobile_number:
        _make_way(contact, "mobile_number", draft.mobile_number, draft.mobile_number, now)
    if begins:
        new = _status_of_new(contact.account, draft, contact.email)
        contact.status, contact.status_at = held(contact.account, contact.email_key) or new, now
    _put(contact, draft, data, merge, now, always=renamed or begins)
    if begins or renamed:
        _ask(contact, now, True)
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
    remove_all([contact.pk], now)


def remove_all(contact_ids: Iterable[int], now: datetime) -> int:
    """The same for many; how many were not there yet."""
    ids = list(contact_ids)
    with transaction.atomic():
        Membership.objects.filter(contact__in=ids, unsubscribed_at=None).delete()
        there = Contact.objects.filter(pk__in=ids).exclude(status=Status.DELETED)
        return there.update(status=Status.DELETED, status_at=now, updated_at=now)


_PURGE = """
with binned as (
    update engage_contact
       set email = '', email_key = null, mobile_number = '', external_id = '', data = '{{}}',
           updated_at = %(now)s
     where account_id = %(account)s and status = 'Deleted' and (email_key is not null or mobile_number <> '')
           {which}
    returning id
), consents as (
    delete from engage_consent using binned where contact_id = binned.id
), choices as (
    delete from engage_choice using binned where contact_id = binned.id
), identifiers as (
    delete from engage_contactidentifier using binned where contact_id = binned.id
), words as (
    delete from engage_contactwords using binned where contact_id = binned.id
)
select count(*) from binned
"""


def purge(account: Account, now: datetime) -> int:
    """Empty the recycle bin for good; how many were in it. Suppressions and figures stay."""
    with connection.cursor() as cursor:
        cursor.execute(_PURGE.format(which=""), {"account": account.pk, "now": now})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def checked(account: Account, data: Mapping[str, object]) -> dict[str, Value | None]:
    """The values as the account's fields keep them, by upper-case name.

    Refused for a field that does not exist and for a value that does not fit.
    """
    return fitted(types_of(account), data) if data else {}


def fitted(kinds: Mapping[str, str], data: Mapping[str, object]) -> dict[str, Value | None]:
    """The same with the fields at hand: upper-case name -> type."""
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


def _rename(contact: Contact, email: str, begins: bool, now: datetime) -> None:
    email_key = addresses.key(email)
    _make_way(contact, "email_key", email_key, email, now)
    erased.recall(contact.account, [email_key])
    if not begins and email_key != contact.email_key and is_suppressed(contact.account, email_key):
        raise _suppressed()
    if email_key != contact.email_key:
        # whoever reads the old address's mail cannot speak for the new one
        Confirmation.objects.filter(contact=contact, confirmed_at=None).delete()
        if contact.status not in OPEN:  # the person left, and goes on being out
            suppress(contact.account, [email_key], Status(contact.status), "renamed", now)
    contact.email, contact.email_key = email, email_key


def _make_way(contact: Contact, column: str, value: str, shown: str, now: datetime) -> None:
    """Nobody else has the value: whoever had it and is in the recycle bin is emptied out of it for good."""
    others = Contact.objects.filter(account_id=contact.account_id, **{column: value}).exclude(pk=contact.pk)
    for other, status in others.values_list("pk", "status"):
        if status != Status.DELETED:
            raise _taken(shown)
        with connection.cursor() as cursor:
            cursor.execute(
                _PURGE.format(which="and id = %(id)s"),
                {"account": contact.account_id, "now": now, "id": other},
            )


def _taken(identifier: str) -> EngageError:
    return EngageError("ERROR_NON_UNIQUE_EMAIL", f"'{identifier}' belongs to another contact.")


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
    before = _written(contact)
    contact.data = merged(contact.data, data, merge)
    contact.is_seed = contact.data.get(SEED) is True
    contact.opt_in_type = draft.opt_in_type or contact.opt_in_type
    contact.email_type = draft.email_type or contact.email_type
    if draft.mobile_number is not None:
        contact.mobile_number = draft.mobile_number
    if draft.sms_status is not None:
        contact.sms_status = draft.sms_status
    if always or before != _written(contact):
        contact.updated_at = now
        _update(contact)


def _written(contact: Contact) -> tuple[object, ...]:
    channels = (contact.opt_in_type, contact.email_type, contact.mobile_number, contact.sms_status)
    return (contact.data, *channels)


_UPDATE = Ready("""
update engage_contact
   set email = %(email)s, email_key = %(email_key)s, mobile_number = %(mobile_number)s,
       sms_status = %(sms_status)s, status = %(status)s, status_at = %(status_at)s,
       opt_in_type = %(opt_in_type)s, email_type = %(email_type)s, data = %(values)s::jsonb,
       is_seed = %(is_seed)s, updated_at = %(updated_at)s
 where id = %(id)s
""")


def _update(contact: Contact) -> None:
    _UPDATE.run(vars(contact) | {"values": json.dumps(contact.data)})
