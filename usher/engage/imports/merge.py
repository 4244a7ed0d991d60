"""The set-based half of an import: staged rows become contacts and memberships in a handful of statements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from usher.engage.contacts.fields import SEED
from usher.engage.models.imports import MergeOption

STAGING = """
create temporary table staged (
    row integer, email text, email_key text, opt_in_type text, email_type text, data jsonb
) on commit drop
"""
COPY = "copy staged (row, email, email_key, opt_in_type, email_type, data) from stdin"

# Opted out of the account, suppressed without a contact, or opted out of one of these lists. A contact in
# the recycle bin is let in again unless its address is suppressed.
_REFUSED = """
delete from staged using (
    select s.row,
           coalesce(x.reason, case when d.id is not null then 'DomainSuppression' end,
                    case when c.status not in ('Subscribed', 'Deleted') then c.status end,
                    'Unsubscribed') as reason
    from staged s
    left join engage_contact c on c.account_id = %(account)s and c.email_key = s.email_key
    left join engage_suppression x
           on x.account_id = %(account)s and x.email_key = s.email_key and x.lifted_at is null
    left join engage_suppresseddomain d
           on d.account_id = %(account)s and d.domain = split_part(s.email_key, '@', 2)
    where x.id is not null or d.id is not null
       or c.status not in ('Subscribed', 'Deleted')
       or exists (select 1 from engage_membership m
                  where m.contact_id = c.id and m.list_id = any(%(lists)s) and m.unsubscribed_at is not null)
) refused
where staged.row = refused.row
returning refused.row, refused.reason
"""

_REVIVED = """
update engage_contact c set status = 'Subscribed', status_at = %(now)s, updated_at = %(now)s
from staged s
where c.account_id = %(account)s and c.email_key = s.email_key and c.status = 'Deleted'
"""

# The order is the same for every import, so that two cannot wait for each other in a circle.
_NEW = """
insert into engage_contact (
    account_id, email, email_key, mobile_number, status, status_at, opt_in_type, email_type, data,
    is_seed, created_at, updated_at)
select %(account)s, email, email_key, '', 'Subscribed', %(now)s, coalesce(opt_in_type, 'Unknown'),
       coalesce(email_type, 'Html'), jsonb_strip_nulls(data), data @> %(seed)s, %(now)s, %(now)s
from staged order by email_key collate "C"
on conflict (account_id, email_key) do nothing
"""

# What a contact's data is after the merge: c.data is what it has, s.data what the file says (null for blank).
_MERGED = {
    MergeOption.OVERWRITE: "jsonb_strip_nulls(c.data || s.data)",
    MergeOption.IF_NOT_EMPTY: "c.data || jsonb_strip_nulls(s.data)",
    MergeOption.IF_NOT_POPULATED: "jsonb_strip_nulls(s.data) || c.data",
}

# Only contacts that the file changes are written.
_CHANGED = """
update engage_contact c
set data = s.merged, is_seed = s.merged @> %(seed)s, updated_at = %(now)s,
    opt_in_type = coalesce(s.opt_in_type, c.opt_in_type), email_type = coalesce(s.email_type, c.email_type)
from (
    select c.id, {merged} as merged, s.opt_in_type, s.email_type
    from staged s join engage_contact c on c.account_id = %(account)s and c.email_key = s.email_key
) s
where c.id = s.id and c.status = 'Subscribed'
  and (c.data, c.opt_in_type, c.email_type) is distinct from
      (s.merged, coalesce(s.opt_in_type, c.opt_in_type), coalesce(s.email_type, c.email_type))
"""

_MEMBERS = """
insert into engage_membership (list_id, contact_id, joined_at)
select l.id, c.id, %(now)s
from staged s
join engage_contact c on c.account_id = %(account)s and c.email_key = s.email_key
join engage_contactlist l on l.account_id = %(account)s and l.id = any(%(lists)s)
order by 1, 2
on conflict (list_id, contact_id) do nothing
"""


def refuse(cursor: Any, account_id: int, list_ids: Sequence[int]) -> dict[int, str]:
    """Take the rows out whose address may not be mailed; row number -> the status that forbids it."""
    # whoever suppresses a domain meanwhile waits for the rows that this lets through, and suppresses them
    cursor.execute("select 1 from engage_account where id = %s for key share", [account_id])
    cursor.execute(_REFUSED, {"account": account_id, "lists": list(list_ids)})
    return dict(cursor.fetchall())


def merge(
    cursor: Any, account_id: int, list_ids: Sequence[int], option: str, now: datetime
) -> tuple[int, int]:
    """Write the staged rows into contacts and memberships; (new contacts, contacts that were there)."""
    values = {
        "account": account_id,
        "lists": list(list_ids),
        "now": now,
        "seed": json.dumps({SEED: True}),
    }
    cursor.execute("select count(*) from staged")
    accepted = cursor.fetchone()[0]
    cursor.execute(_REVIVED, values)
    new = cursor.rowcount
    cursor.execute(_NEW, values)
    new += cursor.rowcount
    if new < accepted:
        cursor.execute(_CHANGED.format(merged=_MERGED[MergeOption(option)]), values)
    if list_ids:
        cursor.execute(_MEMBERS, values)
    return new, accepted - new
