"""Make and change segments: a name, a rule about contacts, a folder."""

from __future__ import annotations

from datetime import datetime

from usher.engage.contacts.people import People
from usher.engage.errors import EngageError
from usher.engage.lists.edit import checked_name, write
from usher.engage.models import Account, ContactList
from usher.engage.models.lists import ListKind, RefreshState
from usher.rules import parse, references


def create_segment(account: Account, name: str, rule: str, now: datetime, folder: str = "") -> ContactList:
    """Make a segment; its members are there after its first refresh.

    Refused for a name that a list or segment has, and for a rule that does not fit the contacts.
    """
    made = ContactList(account=account, kind=ListKind.SEGMENT, name=checked_name(name), created_at=now)
    made.rule, made.folder = _checked_rule(account, made.name, rule), folder
    write(made)
    return made


def change_segment(segment: ContactList, name: str, rule: str, folder: str | None = None) -> ContactList:
    """Rename it, or give it another rule, which the next refresh goes by. Refused like `create_segment`."""
    name = checked_name(name)
    checked = _checked_rule(segment.account, name, rule)
    if checked != segment.rule:
        segment.refresh_state = RefreshState.NOT_STARTED
    segment.name, segment.rule = name, checked
    segment.folder = segment.folder if folder is None else folder
    write(segment)
    return segment


def _checked_rule(account: Account, name: str, rule: str) -> str:
    problems = People.of(account).problems(rule)
    if not problems and name in references(parse(rule)).segments:
        problems = [f"the segment “{name}” cannot speak of itself"]
    if problems:
        raise EngageError("ERROR_PARAMETER_INVALID", "; ".join(problems))
    return rule.strip()
