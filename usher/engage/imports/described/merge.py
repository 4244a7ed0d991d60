"""The set-based half of an import of version 3: staged rows become contacts and what belongs to them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from usher.engage.contacts.fields import SEED
from usher.engage.contacts.suppress import FINAL, OPEN, suppress
from usher.engage.models import Confirmation, Import
from usher.engage.models.contacts import Status
from usher.engage.models.imports import MergeOption

#: `asked_id` is the id that a row is matched by, `contact_id` the contact that was found or made, `held` the
#: status that forbids mail, `problem` why a row is refused.
STAGING = """
create temporary table staged (
    row integer primary key, match text, asked_id bigint, email text, email_key text, mobile_number text,
    data jsonb, opt_in_type text, email_type text, sms_status text, wish text, unasked boolean,
    return_url text, lists bigint[], preferences jsonb, consents jsonb,
    contact_id bigint, status text, held text, problem text,
    is_new boolean not null default false, is_made boolean not null default false
) on commit drop;
create temporary table done (contact_id bigint primary key) on commit drop
"""
COLUMNS = (
    "row, match, asked_id, email, email_key, mobile_number, data, opt_in_type, email_type, sms_status, wish,"
    " unasked, return_url, lists, preferences, consents"
)

_MEET = [
    """
update staged d set contact_id = c.id, status = c.status from engage_contact c
where d.contact_id is null and d.match = 'email' and c.account_id = %(account)s
  and c.email_key = d.email_key
""",
    """
update staged d set contact_id = c.id, status = c.status from engage_contact c
where d.contact_id is null and d.match = 'mobileNumber' and c.account_id = %(account)s
  and c.mobile_number = d.mobile_number and c.mobile_number <> ''
""",
    # whom the recycle bin was emptied of is nobody any more
    """
update staged d set contact_id = c.id, status = c.status from engage_contact c
where d.contact_id is null and d.match = 'contactId' and c.account_id = %(account)s
  and c.id = d.asked_id and (c.status <> 'Deleted' or c.email_key is not null or c.mobile_number <> '')
""",
]

_PROBLEMS = [
    "update staged set problem = 'unknown' where match = 'contactId' and contact_id is null",
    # two rows that are the same contact
    """
update staged d set problem = 'Duplicate' from (
    select row, row_number() over (partition by contact_id order by row) as place
    from staged where contact_id is not null) many
where many.row = d.row and many.place > 1
""",
    # or the same as one of an earlier block
    "update staged d set problem = 'Duplicate' from done where done.contact_id = d.contact_id",
    """
insert into done select distinct contact_id from staged where contact_id is not null on conflict do nothing
""",
    # an address or number that is another contact's
    """
update staged d set problem = 'Duplicate' from engage_contact c
where c.account_id = %(account)s and c.email_key = d.email_key and c.id is distinct from d.contact_id
""",
    """
update staged d set problem = 'Duplicate' from engage_contact c
where c.account_id = %(account)s and c.mobile_number = d.mobile_number and c.mobile_number <> ''
  and c.id is distinct from d.contact_id
""",
    # who may not be mailed: by the address that the contact will have, or by what it is
    """
update staged d set held = found.held from (
    select d.row, coalesce(
        x.reason, case when s.id is not null then 'DomainSuppression' end,
        case when d.status not in ('Subscribed', 'PendingOptIn', 'Deleted') then d.status end) as held
    from staged d
    left join engage_contact c on c.id = d.contact_id
    left join engage_suppression x on x.account_id = %(account)s and x.lifted_at is null
          and x.email_key = coalesce(d.email_key, c.email_key)
    left join engage_suppresseddomain s on s.account_id = %(account)s
          and s.domain = split_part(coalesce(d.email_key, c.email_key), '@', 2)
) found where found.row = d.row and found.held is not null
""",
    """
update staged set problem = held
where problem is null and held is not null and (wish is distinct from 'Subscribed' or held = any(%(final)s))
""",
]

_REFUSED = "delete from staged where problem is not null returning row, contact_id, problem"

# Whoever has to prove the address is let in, and mailed by nobody until then.
_STATUS_OF_NEW = """
case when coalesce(d.email_key, c.email_key) is null then 'Subscribed'
     when d.held is not null then d.held
     when %(asked)s or d.opt_in_type = 'VerifiedDouble' then 'PendingOptIn' else 'Subscribed' end"""

# The order is the same for every import, so that two cannot wait for each other in a circle.
_NEW = f"""
with made as (
    insert into engage_contact (
        account_id, email, email_key, mobile_number, sms_status, status, status_at, opt_in_type, email_type,
        data, is_seed, created_at, updated_at)
    select %(account)s, d.email, d.email_key, d.mobile_number, coalesce(d.sms_status, ''),
           {_STATUS_OF_NEW.replace("coalesce(d.email_key, c.email_key)", "d.email_key")}, %(now)s,
           coalesce(d.opt_in_type, 'Unknown'), coalesce(d.email_type, 'Html'), jsonb_strip_nulls(d.data),
           d.data @> %(seed)s, %(now)s, %(now)s
    from staged d where d.contact_id is null
    order by coalesce(d.email_key, d.mobile_number) collate "C"
    on conflict do nothing
    returning id, status, coalesce(email_key, mobile_number) as key
)
update staged d set contact_id = made.id, status = made.status, is_new = true, is_made = true
from made where d.contact_id is null and coalesce(d.email_key, d.mobile_number) = made.key
"""

# Somebody else was quicker, and with another identifier.
_LOST = "update staged set problem = 'Duplicate' where contact_id is null"

# What a contact's data is after the merge: c.data is what it has, d.data what is sent (null empties).
_MERGED = {
    MergeOption.OVERWRITE: "jsonb_strip_nulls(c.data || d.data)",
    MergeOption.IF_NOT_EMPTY: "c.data || jsonb_strip_nulls(d.data)",
    MergeOption.IF_NOT_POPULATED: "jsonb_strip_nulls(d.data) || c.data",
}

# Only contacts that the row changes are written. One out of the recycle bin, and one that had no address
# until now, begin anew.
_CHANGED = f"""
update engage_contact c
set email = s.email, email_key = lower(nullif(s.email, '')), mobile_number = s.mobile_number,
    sms_status = s.sms_status, data = s.data, is_seed = s.data @> %(seed)s, opt_in_type = s.opt_in_type,
    email_type = s.email_type, status = s.status, updated_at = %(now)s,
    status_at = case when c.status = s.status then c.status_at else %(now)s end
from (
    select c.id, coalesce(nullif(d.email, ''), c.email) as email,
           coalesce(nullif(d.mobile_number, ''), c.mobile_number) as mobile_number,
           coalesce(d.sms_status, c.sms_status) as sms_status, {{merged}} as data,
           coalesce(d.opt_in_type, c.opt_in_type) as opt_in_type,
           coalesce(d.email_type, c.email_type) as email_type,
           case when c.status = 'Deleted'
                  or (c.status = 'Subscribed' and c.email_key is null and d.email_key is not null)
                then {_STATUS_OF_NEW} else c.status end as status
    from staged d join engage_contact c on c.id = d.contact_id
    where not d.is_made
    order by c.id for update of c
) s
where c.id = s.id
  and (c.email, c.mobile_number, c.sms_status, c.data, c.opt_in_type, c.email_type, c.status)
      is distinct from
      (s.email, s.mobile_number, s.sms_status, s.data, s.opt_in_type, s.email_type, s.status)
"""

_MADE = "insert into done select contact_id from staged where is_made on conflict do nothing"

_BACK_FROM_BIN = "update staged set is_new = true where status = 'Deleted'"

# Whose address changes: nobody speaks for the new one but who reads its mail, and an opt-out goes along.
_MOVING = """
select c.id, d.email_key, c.status from staged d join engage_contact c on c.id = d.contact_id
where not d.is_made and c.email_key <> d.email_key and c.status <> 'Deleted' order by c.id
"""

# Who asks to come back, and need not be asked first. Who waits for a confirmation needs more than the wish.
_BACK = """
select c.id, c.email_key from staged d join engage_contact c on c.id = d.contact_id
where d.wish = 'Subscribed' and c.status <> 'Subscribed' and not %(asked)s
  and case when c.status = 'PendingOptIn' then d.unasked is true and not d.is_new
           else d.unasked is not false end
"""
_LIFT = """
update engage_suppression set lifted_at = %(now)s
where account_id = %(account)s and email_key = any(%(keys)s) and lifted_at is null
  and reason <> all(%(final)s)
"""
_SUBSCRIBE = """
update engage_contact set status = 'Subscribed', status_at = %(now)s, updated_at = %(now)s
where id = any(%(ids)s) and status <> all(%(final)s)
"""

_LEAVING = """
select d.wish, c.email_key from staged d join engage_contact c on c.id = d.contact_id
where d.wish in ('Unsubscribed', 'Suppressed') and c.email_key is not null
"""
# Without an address the wish holds for one that comes later.
_LEAVING_UNNAMED = """
update engage_contact c set status = d.wish, status_at = %(now)s, updated_at = %(now)s from staged d
where c.id = d.contact_id and c.email_key is null and c.status = 'Subscribed'
  and d.wish in ('Unsubscribed', 'Suppressed')
"""

# Whoever has to confirm: the new ones, and those who ask to come back.
_ASKED = """
select c.id, c.status, coalesce(d.return_url, '') from staged d
join engage_contact c on c.id = d.contact_id
where c.email_key is not null and c.status <> 'Subscribed'
  and ((d.is_new and c.status = 'PendingOptIn') or d.wish = 'Subscribed')
order by c.id
"""

_MEMBERS = """
insert into engage_membership (list_id, contact_id, joined_at)
select l.id, d.contact_id, %(now)s
from staged d cross join lateral unnest(d.lists) wanted (id)
join engage_contactlist l on l.id = wanted.id and l.account_id = %(account)s and l.kind <> 'segment'
order by 1, 2
on conflict (list_id, contact_id) do nothing
"""
_WRONG_LISTS = """
select d.row, d.contact_id, wanted.id, gone.id is not null
from staged d cross join lateral unnest(d.lists) wanted (id)
left join engage_contactlist l on l.id = wanted.id and l.account_id = %(account)s and l.kind <> 'segment'
left join engage_membership gone
       on gone.list_id = l.id and gone.contact_id = d.contact_id and gone.unsubscribed_at is not null
where l.id is null or gone.id is not null
order by 1, 3
"""

_CHOICES = """
insert into engage_choice (preference_id, contact_id, opted_in, at)
select p.id, d.contact_id, said.value::boolean, %(now)s
from staged d cross join lateral jsonb_each_text(d.preferences) said
join engage_preference p on p.id = said.key::bigint and p.account_id = %(account)s and p.is_preference
order by 1, 2
on conflict (preference_id, contact_id) do update set opted_in = excluded.opted_in, at = excluded.at
where engage_choice.opted_in <> excluded.opted_in
"""
_WRONG_CHOICES = """
select d.row, d.contact_id, said.key::bigint
from staged d cross join lateral jsonb_each_text(d.preferences) said
left join engage_preference p
       on p.id = said.key::bigint and p.account_id = %(account)s and p.is_preference
where p.id is null
order by 1, 3
"""

# What is on record already is not kept twice.
_CONSENTS = """
insert into engage_consent (contact_id, text, given_at, url, ip, user_agent, source, recorded_at)
select distinct d.contact_id, t.text, t.given_at, t.url, t.ip, t.user_agent, 'import', %(now)s::timestamptz
from staged d
cross join lateral jsonb_to_recordset(d.consents)
     as t (text text, given_at timestamptz, url text, ip text, user_agent text)
where not exists (
    select 1 from engage_consent had where had.contact_id = d.contact_id
       and (had.text, had.url, had.ip, had.user_agent) = (t.text, t.url, t.ip, t.user_agent)
       and had.given_at is not distinct from t.given_at)
"""

_RESULT = """
select d.row, d.contact_id, d.is_new, c.email, c.mobile_number
from staged d join engage_contact c on c.id = d.contact_id order by d.row
"""


class Merged(NamedTuple):
    """What became of the staged rows."""

    #: row, contact or None, why: a status, "Duplicate" or "unknown".
    refused: list[tuple[int, int | None, str]]
    #: row, contact, whether it is new, address, number.
    taken: list[tuple[int, int, bool, str, str]]
    #: row, contact, list, whether the contact opted out of it (else there is no such list).
    wrong_lists: list[tuple[int, int, int, bool]]
    #: row, contact, preference that there is not.
    wrong_preferences: list[tuple[int, int, int]]
    #: contact, its status, where to lead it afterwards: who is to be asked by mail.
    asked: list[tuple[int, str, str]]


def merge(cursor: Any, job: Import, now: datetime) -> Merged:
    """Write the staged rows into contacts and what belongs to them; no join actions are started."""
    values = {
        "account": job.account_id,
        "now": now,
        "seed": json.dumps({SEED: True}),
        "asked": job.account.double_opt_in,
        "final": [str(one.value) for one in FINAL],
    }

    def do(*statements: str) -> None:
        for statement in statements:
            cursor.execute(statement, values)

    def rows(statement: str) -> list[Any]:
        cursor.execute(statement, values)
        return list(cursor.fetchall())

    # whoever suppresses a domain meanwhile waits for the rows that this lets through, and suppresses them
    do("select 1 from engage_account where id = %(account)s for key share", *_MEET, *_PROBLEMS)
    refused = rows(_REFUSED)
    do(_BACK_FROM_BIN, _NEW, _MADE, *_MEET, _LOST)
    refused += rows(_REFUSED)
    moving = rows(_MOVING)
    do(_CHANGED.format(merged=_MERGED[MergeOption(job.merge_option)]))
    _move(job, moving, now)
    _change_channels(cursor, job, rows, values, now)
    do(_MEMBERS, _CHOICES, _CONSENTS)
    asked = dict.fromkeys([(key, status, "") for key, _, status in moving if status == Status.PENDING_OPT_IN])
    asked |= dict.fromkeys(rows(_ASKED))
    return Merged(refused, rows(_RESULT), rows(_WRONG_LISTS), rows(_WRONG_CHOICES), list(asked))


def _move(job: Import, moving: list[tuple[int, str, str]], now: datetime) -> None:
    if not moving:
        return
    moved = [key for key, _, _ in moving]
    Confirmation.objects.filter(contact__in=moved, confirmed_at=None).delete()
    for status in {status for _, _, status in moving} - OPEN:
        keys = [email_key for _, email_key, one in moving if one == status]
        suppress(job.account, keys, Status(status), "renamed", now)


def _change_channels(cursor: Any, job: Import, rows: Any, values: dict[str, Any], now: datetime) -> None:
    """Who comes back, and who leaves."""
    back = rows(_BACK)
    if back:
        found = {"ids": [key for key, _ in back], "keys": [key for _, key in back if key]}
        cursor.execute(_LIFT, values | found)
        cursor.execute(_SUBSCRIBE, values | found)
    leaving = rows(_LEAVING)
    for wish in {wish for wish, _ in leaving}:
        suppress(job.account, [key for one, key in leaving if one == wish], Status(wish), "import", now)
    cursor.execute(_LEAVING_UNNAMED, values)
