"""What would miss a data field or a list: the rules of programs and segments, campaigns, forms."""

from __future__ import annotations

from django.db.models import Q

from usher.engage.models import Account, Campaign, ContactList, Form, Program
from usher.engage.models.lists import ListKind
from usher.engage.models.programs import ProgramStatus
from usher.engage.programs.versions import current, graph_of
from usher.rules import RuleError, parse, references


def fields_uses(account: Account, field: str) -> list[str]:
    """What would miss this data field, in words."""
    return [
        *(f"the campaign “{one.name}”" for one in campaigns_reading(account, field)),
        *(f"the segment “{one.name}”" for one in segments_reading(account, field)),
        *(f"the program “{one.name}”" for one in programs_reading(account, field)),
        *(f"the form “{one.name}”" for one in forms_asking(account, field)),
    ]


def campaigns_reading(account: Account, field: str) -> list[Campaign]:
    """The campaigns that personalise with this data field."""
    token = f"@{field}@"
    content = Q(html__icontains=token) | Q(text__icontains=token) | Q(subject__icontains=token)
    return list(Campaign.objects.filter(content, account=account).only("pk", "name").order_by("pk"))


def forms_asking(account: Account, field: str) -> list[Form]:
    """The forms that ask for this data field."""
    return list(Form.objects.filter(account=account, fields__contains=[{"name": field}]).order_by("pk"))


def segments_reading(account: Account, field: str) -> list[ContactList]:
    """The segments whose rule asks for this data field."""
    rows = ContactList.objects.filter(account=account, kind=ListKind.SEGMENT).order_by("pk")
    return [row for row in rows if _reads(row.rule, field)]


def programs_reading(account: Account, field: str) -> list[Program]:
    """The programs whose newest version asks for this data field when it lets in, decides or lets out."""
    rows = Program.objects.filter(account=account).exclude(status=ProgramStatus.READ_ONLY).order_by("pk")
    return [row for row in rows if any(_reads(rule, field) for rule in _rules(row))]


def _rules(program: Program) -> list[str]:
    version = current(program)
    return [rule for _, rule in graph_of(version).rules()] if version else []


def _reads(rule: str, field: str) -> bool:
    try:
        return field.upper() in map(str.upper, references(parse(rule)).columns)
    except RuleError:
        return False


def segments_on_list(account: Account, name: str) -> list[ContactList]:
    """The segments whose rule asks who is on this list."""
    rows = ContactList.objects.filter(account=account, kind=ListKind.SEGMENT).order_by("pk")
    return [row for row in rows if _asks_for(row.rule, name)]


def programs_on_list(account: Account, name: str) -> list[Program]:
    """The programs whose newest version asks who is on this list."""
    rows = Program.objects.filter(account=account).exclude(status=ProgramStatus.READ_ONLY).order_by("pk")
    return [row for row in rows if any(_asks_for(rule, name) for rule in _rules(row))]


def _asks_for(rule: str, name: str) -> bool:
    try:
        spoken = references(parse(rule))
    except RuleError:
        return False
    return name.lower() in {one.lower() for one in (*spoken.audiences, *spoken.segments, *spoken.tags)}
