"""Rules over contacts: what they may speak of, and their SQL over the contacts in hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from usher.engage.contacts.fields import types_of
from usher.engage.models import Account, ContactList
from usher.engage.models.contacts import FieldType
from usher.engage.models.lists import ListKind
from usher.rules import RuleError, Schema, Table, Type, check, describe, parse, references, select
from usher.rules.references import References

SUBJECT = "contacts"
KEY = "id"
_TYPES: dict[str, Type] = {
    FieldType.STRING: "text",
    FieldType.NUMERIC: "number",
    FieldType.DATE: "instant",
    FieldType.BOOLEAN: "boolean",
}
_KINDS = {
    "text": "string",
    "number": "float64",
    "boolean": "boolean",
    "instant": "timestamp('UTC', 6)",
}
#: Columns that every contact has, by name in a rule.
_OWN: dict[str, tuple[Type, str]] = {
    "EMAIL": ("text", "contact.email"),
    "email": ("text", "contact.email"),
    "STATUS": ("text", "contact.status"),
    "status": ("text", "contact.status"),
}
TABLES = {
    table.name: table
    for table in (
        Table("sends", {"campaign": "text", "sent_on": "instant"}, "contact_id", "sent_on", "mail"),
        Table("opens", {"campaign": "text", "at": "instant"}, "contact_id", "at", "open"),
        Table("clicks", {"campaign": "text", "url": "text", "at": "instant"}, "contact_id", "at", "click"),
        Table("events", {"type": "text", "at": "instant"}, "contact_id", "at", "event"),
    )
}

# Each is read for the contacts of the relation `scope` only.
_RELATIONS = {
    "sends": """
        select message.contact_id, campaign.name as campaign, message.sent_at as sent_on
          from scope join engage_message message on message.contact_id = scope.contact_id
          join engage_campaign campaign on campaign.id = message.campaign_id
         where message.state = 'sent'""",
    "opens": """
        select message.contact_id, campaign.name as campaign, seen.at
          from scope join engage_message message on message.contact_id = scope.contact_id
          join engage_campaign campaign on campaign.id = message.campaign_id
          join engage_open seen on seen.message_id = message.id""",
    "clicks": """
        select message.contact_id, campaign.name as campaign, link.url, click.at
          from scope join engage_message message on message.contact_id = scope.contact_id
          join engage_campaign campaign on campaign.id = message.campaign_id
          join engage_click click on click.message_id = message.id
          join engage_link link on link.id = click.link_id""",
    "events": """
        select event.contact_id, event.type, event.at
          from scope join engage_contactevent event on event.contact_id = scope.contact_id""",
}


@dataclass(frozen=True)
class People:
    """The contacts of an account, as rules see them."""

    fields: tuple[tuple[str, str], ...]
    zone: str
    #: Name and id of each list, asked for as `audience("…")`, and of each segment: `segment("…")`.
    lists: tuple[tuple[str, int], ...] = ()
    segments: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, account: Account) -> People:
        rows = ContactList.objects.filter(account=account).order_by("pk").values_list("kind", "name", "pk")
        lists = tuple((name, key) for kind, name, key in rows if kind != ListKind.SEGMENT)
        segments = tuple((name, key) for kind, name, key in rows if kind == ListKind.SEGMENT)
        return cls(tuple(types_of(account).items()), account.time_zone, lists, segments)

    def schema(self) -> Schema:
        columns: dict[str, Type] = {name: kind for name, (kind, _) in _OWN.items()}
        columns |= {name: _TYPES[kind] for name, kind in self.fields}
        return Schema(
            columns,
            KEY,
            SUBJECT,
            TABLES,
            audiences=frozenset(name for name, _ in self.lists),
            segments=frozenset(name for name, _ in self.segments),
        )

    def members(self, kind: str, name: str) -> int | None:
        """The id of the list that `audience("…")`, or the segment that `segment("…")`, speaks of."""
        return dict(self.segments if kind == "segment" else self.lists).get(name)

    def problems(self, rule: str) -> list[str]:
        """What is wrong with a rule; empty when it can be used."""
        try:
            return [str(problem) for problem in check(parse(rule), self.schema(), engine="postgres")]
        except RuleError as error:
            return [str(error)]

    def described(self, rule: str) -> str:
        """The rule as an English sentence; as it is written when it cannot be read."""
        try:
            return describe(parse(rule), self.schema())
        except RuleError:
            return rule

    def answers(self, rules: Mapping[str, str], now: datetime) -> str:
        """Common table expressions that end in `answers`: a contact's id and one true or false per rule.

        Reads the relation `scope` (contact_id), which stands before it in the statement. `%` is doubled, as a
        statement with parameters wants it. RuleError when a rule does not fit (any more).
        """
        return _compiled(tuple(rules.items()), self, now)


@lru_cache(256)
def _compiled(rules: tuple[tuple[str, str], ...], people: People, now: datetime) -> str:
    import ibis  # takes most of a second, which no command should pay that runs no rules

    parsed = {name: parse(rule) for name, rule in rules}
    spoken = [references(node) for node in parsed.values()]
    tables = sorted(frozenset[str]().union(*(one.tables for one in spoken)) & TABLES.keys())
    columns = _used(people, frozenset[str]().union(*(one.columns for one in spoken)))
    unbound = {name: _unbound(name, TABLES[name].columns, TABLES[name].key) for name in tables}
    unbound[SUBJECT] = _unbound(SUBJECT, columns, KEY)
    whole = select(
        parsed,
        people.schema(),
        unbound,
        now=now,
        zone=ZoneInfo(people.zone),
        members=lambda kind, name: _unbound(f"list_{people.members(kind, name)}", {}, KEY),
        engine="postgres",
    )
    # a field alone is a value, which may be missing: then its condition does not hold
    whole = whole.fill_null({name: False for name in parsed if whole[name].type().is_boolean()})
    relations = [f'"{name}" as ({_RELATIONS[name]}\n)' for name in tables]
    relations += [f'"list_{key}" as ({_ON_LIST.format(list=key)})' for key in _lists(people, spoken)]
    relations.insert(0, f'"{SUBJECT}" as ({_contacts(people, columns)})')
    sql = ibis.to_sql(whole, dialect="postgres").replace("%", "%%")
    return ",\n".join([*relations, f"answers as (\n{sql}\n)"])


_ON_LIST = """
        select membership.contact_id as id
          from scope join engage_membership membership on membership.contact_id = scope.contact_id
         where membership.list_id = {list} and membership.unsubscribed_at is null"""


def _lists(people: People, spoken: Iterable[References]) -> list[int]:
    asked = {("audience", name) for one in spoken for name in one.audiences}
    asked |= {("segment", name) for one in spoken for name in one.segments}
    return sorted({key for kind, name in asked if (key := people.members(kind, name)) is not None})


def _used(people: People, names: Iterable[str]) -> dict[str, Type]:
    known = people.schema().columns
    return {name: known[name] for name in sorted(names) if name in known}


def _unbound(name: str, columns: Mapping[str, Type], key: str) -> Any:
    import ibis

    return ibis.table({key: "int64"} | {column: _KINDS[kind] for column, kind in columns.items()}, name=name)


def _contacts(people: People, columns: Mapping[str, Type]) -> str:
    fields = dict(people.fields)
    values = [_OWN[name][1] if name in _OWN else _value(name, fields[name], people.zone) for name in columns]
    selected = "".join(f', {value} as "{name}"' for name, value in zip(columns, values, strict=True))
    return (
        f"select contact.id{selected} from scope join engage_contact contact on contact.id = scope.contact_id"
    )


def _value(name: str, kind: str, zone: str) -> str:
    """A data field's value with its type; one that is of another type counts as missing."""
    # names of fields and zones hold letters, digits, _, -, + and / only: checked where they are made
    text, node = f"(contact.data ->> '{name}')", f"(contact.data -> '{name}')"
    match kind:
        case FieldType.NUMERIC:
            return f"case when jsonb_typeof{node} = 'number' then {text}::float8 end"
        case FieldType.BOOLEAN:
            return f"case when jsonb_typeof{node} = 'boolean' then {text}::boolean end"
        case FieldType.DATE:
            # a day stands for its midnight in the account's zone
            return (
                f"case when length{text} = 10 then {text}::timestamp at time zone '{zone}'"
                f" else {text}::timestamptz end"
            )
        case _:
            return text
