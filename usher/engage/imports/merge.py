"""The set-based half of an import: staged rows become contacts and what belongs to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from usher.engage.contacts.fields import SEED
from usher.engage.imports.columns import Columns
from usher.engage.models import Import
from usher.engage.models.imports import MergeOption

#: Why a row is refused whose number another contact has; other reasons are statuses.
NUMBER = "number"

#: `met` are the staged rows whose contact is there already. Few of their rows tell the planner enough.
STAGING = """
set local work_mem = '48MB';
create temporary table staged (
    row integer, email text, email_key text, opt_in_type text, email_type text, mobile_number text,
    data jsonb not null default '{}', consent jsonb, choices jsonb
) on commit drop;
create temporary table met (row integer, contact_id bigint, status text) on commit drop;
alter table staged alter row set statistics 10, alter email_key set statistics 10;
alter table met alter row set statistics 10, alter contact_id set statistics 10
"""

_MEET = """
insert into met
select s.row, c.id, c.status
from staged s join engage_contact c on c.account_id = %(account)s and c.email_key = s.email_key
"""
# Those that somebody else made meanwhile: not those that this import made or revived.
_MEET_LATE = f"""{_MEET}
where c.status_at <> %(now)s and not exists (select 1 from met where met.row = s.row)
"""

# Suppressed without a contact, by its domain, or opted out of the account. A contact in the recycle bin is
# let in again unless its address is suppressed. The first reason counts.
_REASONS = """
select s.row, 1 as place, x.reason from staged s
  join engage_suppression x
    on x.account_id = %(account)s and x.email_key = s.email_key and x.lifted_at is null
union all
select s.row, 2, 'DomainSuppression' from staged s
  join engage_suppresseddomain d
    on d.account_id = %(account)s and d.domain = split_part(s.email_key, '@', 2)
union all
select row, 3, status from met where status not in ('Subscribed', 'Deleted')
"""
# Opted out of one of the lists.
_LEFT_A_LIST = """
union all
select met.row, 4, 'Unsubscribed' from met join engage_membership gone on gone.contact_id = met.contact_id
 where gone.list_id = any(%(lists)s) and gone.unsubscribed_at is not null
"""
# A number belongs to one contact.
_NUMBER_OF_ANOTHER = """
union all
select s.row, 5, 'number' from staged s left join met on met.row = s.row
  join engage_contact n
    on n.account_id = %(account)s and n.mobile_number = s.mobile_number and n.mobile_number <> ''
   and n.id is distinct from met.contact_id
"""
_REFUSED = """
delete from staged using (
    select distinct on (row) row, reason from ({reasons}) why order by row, place
) refused
where staged.row = refused.row
returning refused.row, refused.reason
"""

# Whoever has to prove the address is let in, and mailed by nobody until then.
_STATUS_OF_NEW = """
case when %(asked)s or {row}.opt_in_type = 'VerifiedDouble' then 'PendingOptIn' else 'Subscribed' end"""

_REVIVED = f"""
update engage_contact c
set status = {_STATUS_OF_NEW.format(row="s")}, status_at = %(now)s, updated_at = %(now)s
from staged s join met m on m.row = s.row
where c.id = m.contact_id and c.status = 'Deleted'
"""

_STRANGERS = "select count(*) from staged where not exists (select 1 from met where met.row = staged.row)"

# The order is the same for every import, so that two cannot wait for each other in a circle.
_NEW = f"""
insert into engage_contact (
    account_id, email, email_key, mobile_number, status, status_at, opt_in_type, email_type, data,
    is_seed, created_at, updated_at)
select %(account)s, email, email_key, coalesce(mobile_number, ''), {_STATUS_OF_NEW.format(row="staged")},
       %(now)s, coalesce(opt_in_type, 'Unknown'), coalesce(email_type, 'Html'), data,
       {{is_seed}}, %(now)s, %(now)s
from staged
where not exists (select 1 from met where met.row = staged.row)
order by email_key collate "C"
"""
_UNLESS_THERE = "on conflict (account_id, email_key) do nothing"

# What a contact's data is after the merge: c.data is what it has, s.data what the file says (nothing for
# blank); `fields` are those that the file has columns for.
_MERGED = {
    MergeOption.OVERWRITE: "(c.data - %(fields)s::text[]) || s.data",
    MergeOption.IF_NOT_EMPTY: "c.data || s.data",
    MergeOption.IF_NOT_POPULATED: "s.data || c.data",
}
# The same of the mobile number, which is always told by digits: a blank cell takes none away.
_NUMBER = {
    MergeOption.OVERWRITE: "coalesce(s.mobile_number, c.mobile_number)",
    MergeOption.IF_NOT_EMPTY: "coalesce(s.mobile_number, c.mobile_number)",
    MergeOption.IF_NOT_POPULATED: "coalesce(nullif(c.mobile_number, ''), s.mobile_number, '')",
}

# Only contacts that the file changes are written.
_CHANGED = """
update engage_contact c
set data = s.merged, is_seed = {is_seed}, updated_at = %(now)s, mobile_number = s.number,
    opt_in_type = coalesce(s.opt_in_type, c.opt_in_type), email_type = coalesce(s.email_type, c.email_type)
from (
    select c.id, {merged} as merged, {number} as number, s.opt_in_type, s.email_type
    from staged s join met m on m.row = s.row join engage_contact c on c.id = m.contact_id
) s
where c.id = s.id and c.status in ('Subscribed', 'PendingOptIn')
  and (c.data, c.mobile_number, c.opt_in_type, c.email_type) is distinct from
      (s.merged, s.number, coalesce(s.opt_in_type, c.opt_in_type), coalesce(s.email_type, c.email_type))
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

# What is on record already is not kept twice; a row that tells nothing is no evidence.
_CONSENTS = """
insert into engage_consent (contact_id, text, given_at, url, ip, user_agent, source, recorded_at)
select c.id, t.text, t.given_at, t.url, t.ip, t.user_agent, 'import', %(now)s
from staged s
join engage_contact c on c.account_id = %(account)s and c.email_key = s.email_key
cross join lateral (
    select coalesce(s.consent ->> 'text', '') as text, (s.consent ->> 'given_at')::timestamptz as given_at,
           coalesce(s.consent ->> 'url', '') as url, left(coalesce(s.consent ->> 'ip', ''), 64) as ip,
           coalesce(s.consent ->> 'user_agent', '') as user_agent
) t
where jsonb_strip_nulls(s.consent) <> '{}'
  and not exists (
    select 1 from engage_consent had where had.contact_id = c.id
       and (had.text, had.url, had.ip, had.user_agent) = (t.text, t.url, t.ip, t.user_agent)
       and had.given_at is not distinct from t.given_at)
order by c.id
"""

_CHOICES = """
insert into engage_choice (preference_id, contact_id, opted_in, at)
select p.id, c.id, said.value::boolean, %(now)s
from staged s
join engage_contact c on c.account_id = %(account)s and c.email_key = s.email_key
cross join lateral jsonb_each_text(s.choices) said
join engage_preference p on p.id = said.key::bigint and p.account_id = %(account)s
where said.value is not null
order by 1, 2
on conflict (preference_id, contact_id) do update set opted_in = excluded.opted_in, at = excluded.at
where engage_choice.opted_in <> excluded.opted_in
"""


@dataclass
class Merged:
    """What became of rows: how many made a contact, how many met one, and why the others were refused."""

    new: int = 0
    updated: int = 0
    #: Row number -> the status that forbids it, or NUMBER.
    refused: dict[int, str] = field(default_factory=dict)

    def __iadd__(self, other: Merged) -> Merged:
        self.new += other.new
        self.updated += other.updated
        self.refused |= other.refused
        return self


def merge(cursor: Any, job: Import, columns: Columns, rows: int, now: datetime) -> Merged:
    """Write the staged rows, of which there are `rows`, into contacts and what belongs to them."""
    values = {
        "account": job.account_id,
        "lists": list(job.list_ids),
        "now": now,
        "seed": json.dumps({SEED: True}),
        "asked": job.account.double_opt_in,
        "fields": [column.key for column in columns.data],
    }
    # whoever suppresses a domain meanwhile waits for the rows that this lets through, and suppresses them
    cursor.execute("select 1 from engage_account where id = %s for key share", [job.account_id])
    met, refused = _refuse(cursor, _MEET, columns, values)
    revived = _revive(cursor, values) if met else 0
    made = 0
    if met < rows:
        made, late = _make(cursor, columns, values)
        refused |= late
    _add(cursor, job, columns, values)
    return Merged(revived + made, rows - len(refused) - revived - made, refused)


def _refuse(cursor: Any, meet: str, columns: Columns, values: dict[str, Any]) -> tuple[int, dict[int, str]]:
    """Find the contacts of the staged rows; how many, and which rows are refused: they are taken out."""
    cursor.execute("analyze staged (row, email_key)")
    cursor.execute(meet, values)
    if met := cursor.rowcount:
        cursor.execute("analyze met")
    reasons = _REASONS
    if values["lists"]:
        reasons += _LEFT_A_LIST
    if "mobile_number" in columns.single:
        reasons += _NUMBER_OF_ANOTHER
    cursor.execute(_REFUSED.format(reasons=reasons), values)
    return met, dict(cursor.fetchall())


def _revive(cursor: Any, values: dict[str, Any]) -> int:
    """Let those in who are in the recycle bin; how many."""
    if not _any_met(cursor, "where status = 'Deleted'"):
        return 0
    cursor.execute(_REVIVED, values)
    return int(cursor.rowcount)


def _make(cursor: Any, columns: Columns, values: dict[str, Any]) -> tuple[int, dict[int, str]]:
    """Make contacts of those whom nobody met: how many, and who is refused after all.

    To look before each row whether somebody else was quicker takes a fifth longer, and nearly never is.
    """
    statement = _NEW.format(is_seed="data @> %(seed)s" if SEED in values["fields"] else "false")
    try:
        with transaction.atomic():
            cursor.execute(statement, values)
            return cursor.rowcount, {}
    except IntegrityError:
        cursor.execute(_STRANGERS)
        strangers = cursor.fetchone()[0]
        cursor.execute(statement + _UNLESS_THERE, values)
        made = cursor.rowcount
        return made, _refuse(cursor, _MEET_LATE, columns, values)[1] if made < strangers else {}


def _any_met(cursor: Any, which: str = "") -> bool:
    cursor.execute(f"select exists (select 1 from met {which})")
    return bool(cursor.fetchone()[0])


def _add(cursor: Any, job: Import, columns: Columns, values: dict[str, Any]) -> None:
    """What the rows say of contacts that were there, and of what hangs on contacts."""
    option = MergeOption(job.merge_option)
    if _any_met(cursor):
        is_seed = "s.merged @> %(seed)s" if SEED in values["fields"] else "c.is_seed"
        parts = {"merged": _MERGED[option], "number": _NUMBER[option], "is_seed": is_seed}
        cursor.execute(_CHANGED.format(**parts), values)
    if job.list_ids:
        cursor.execute(_MEMBERS, values)
    if columns.consent:
        cursor.execute(_CONSENTS, values)
    if columns.choices:
        cursor.execute(_CHOICES, values)
