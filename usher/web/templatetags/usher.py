"""Words and numbers as every page shows them: state pills, times, shares."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usher.audiences.models import Audience
from usher.definitions import hints
from usher.engage.models import Contact
from usher.engage.models.contacts import OptInType
from usher.rules.functions import ROW_FUNCTIONS
from usher.syncs.models import Step
from usher.web.figures.said import by_whom
from usher.web.states import state_of

register = template.Library()
_COMMANDS = re.compile(
    "; run `usher audiences evaluate`|, or let it through once: usher sources accept .*? --reason …"
)


@register.simple_tag
def pill(state: str) -> SafeString:
    """A state's word with its colour."""
    found = state_of(state)
    return format_html('<span class="pill {}">{}</span>', found.tone, found.word)


@register.filter
def stateword(state: str) -> str:
    """The same without its colour, inside of a sentence."""
    return state_of(state).word


@register.filter
def bywhom(source: str) -> str:
    """Who brought something about, in words."""
    return by_whom(source)


@register.filter
def optin(stored: str) -> str:
    """How somebody said that they want mail."""
    words = {
        OptInType.UNKNOWN: _("not known"),
        OptInType.SINGLE: _("said yes once"),
        OptInType.DOUBLE: _("said yes and confirmed it, as was told"),
        OptInType.VERIFIED_DOUBLE: _("said yes and confirmed it by mail"),
    }
    return words[OptInType(stored)]


@register.filter
def named(person: Contact) -> str:
    """How a contact is called: address or number; who was erased has neither."""
    return str(person) or _("contact %(id)s, of whom nothing is kept") % {"id": person.pk}


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """1 Mar 1998, 07:00, in the organisation's zone."""
    return _time(value, "j M Y, H:i") if value else "–"


@register.filter
def clocktime(value: datetime | None) -> SafeString | str:
    """07:00"""
    return _time(value, "H:i") if value else "–"


@register.filter
def tonight(value: datetime, now: datetime) -> SafeString:
    """07:00, with the day below when it was not today."""
    local = timezone.localtime(value)
    if local.date() == timezone.localtime(now).date():
        return _time(value, "H:i")
    shown = '<time datetime="{}">{}<small>{}</small></time>'
    return format_html(shown, local.isoformat(), date_format(local, "H:i"), date_format(local, "j M"))


@register.filter
def since(value: datetime, now: datetime) -> str:
    """07:00, or 28 Feb, 07:00 when it was not today: for the middle of a sentence."""
    local = timezone.localtime(value)
    return date_format(local, "H:i" if local.date() == timezone.localtime(now).date() else "j M, H:i")


@register.filter
def sentence(text: str) -> str:
    """A message of another room as a sentence of its own: a capital in front, a full stop behind.

    Pages have buttons for what commands are told to run.
    """
    text = _COMMANDS.sub("", text.strip())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) or not text else ".")


@register.filter
def day(value: datetime | date | None) -> str:
    """1 March 1998"""
    if value is None:
        return "–"
    return date_format(timezone.localtime(value) if isinstance(value, datetime) else value, "j F Y")


def _time(value: datetime, shape: str) -> SafeString:
    local = timezone.localtime(value)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), date_format(local, shape))


@register.filter
def lasting(value: timedelta | float | None) -> str:
    """A length of time: 0.11 s, 4 min, 3 h, 12 days."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 60:
        rounded = round(seconds, 2) if seconds < 10 else round(seconds)
        return _("%(number)s\u00a0s") % {"number": number_format(rounded)}
    if seconds < 3_600:
        return _("%(number)d\u00a0min") % {"number": seconds // 60}
    if seconds < 2 * 86_400:
        return _("%(number)d\u00a0h") % {"number": seconds // 3_600}
    days = int(seconds // 86_400)
    return ngettext("%(number)d day", "%(number)d days", days) % {"number": days}


@register.filter
def before(earlier: datetime | None, now: datetime) -> str:
    """How long ago: 4 min ago, 12 days ago."""
    if earlier is None:
        return _("never")
    gone = now - earlier
    return _("just now") if gone < timedelta(minutes=1) else _("%(time)s ago") % {"time": lasting(gone)}


@register.filter
def share(part: float | None, whole: float | None) -> str:
    """5.8 %; a dash when there is nothing to divide by."""
    if not whole or part is None:
        return "–"
    percent = Decimal(100 * part / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return _("%(number)s\u00a0%%") % {"number": number_format(percent)}


@register.filter
def count(value: Any) -> str:
    """A whole number with thousands apart; a dash for what is not known."""
    return "–" if value is None else number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def signed(value: int | None, sign: str) -> str:
    """+26 or −17; nothing for none."""
    return f"{sign}{count(value)}" if value else "0"


@register.filter
def fieldvalue(value: Any) -> str:
    """A data field's value: yes and no for true and false."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


_KEYWORDS = (
    "and|or|not|in|is|set|where|within|next|last|before|after|ago|between|among|did|then|top|by|sample|null"
    "|ignoring|case|tag|segment|audience"
)
_RULE_WORDS = re.compile(
    rf"""(?P<text>"[^"]*"|'[^']*')|(?<![.\w])(?P<word>{_KEYWORDS}|{"|".join(ROW_FUNCTIONS)})(?![.\w])"""
)


@register.filter
def rulemarked(rule: str) -> SafeString:
    """A rule with its own words in bold; what stands in quotes is left alone."""

    def marked(found: re.Match[str]) -> str:
        return format_html("<b>{}</b>", found["word"]) if found["word"] else escape(found["text"])

    parts, end = [], 0
    for found in _RULE_WORDS.finditer(rule):
        parts += [escape(rule[end : found.start()]), marked(found)]
        end = found.end()
    return mark_safe("".join([*parts, escape(rule[end:])]))  # every part is escaped above


@register.filter
def scheduletext(line: str) -> str:
    """A cron line in words where it says a time of day; as it is otherwise."""
    parts = line.split()
    if not parts:
        return _("only when asked")
    if len(parts) == 5 and parts[0].isdigit() and parts[1].isdigit():
        told = {"time": f"{int(parts[1]):02}:{int(parts[0]):02}", "days": parts[4]}
        if parts[2:] == ["*", "*", "*"]:
            return _("every day at %(time)s") % told
    return line


@register.filter
def stepname(step: Step) -> str:
    """What a step of a sync's run does."""
    kind = Step.Kind
    names = {
        kind.CREATE_LIST: _("Make the list “%(name)s”"),
        kind.CREATE_FIELD: _("Make the data field %(name)s"),
        kind.REMOVE: _("Take people off the list"),
        kind.IMPORT: _("Add and update people"),
        kind.RECORD: _("Write down refusals and leavers"),
    }
    return names[kind(step.kind)] % {"name": step.name}


def _spaced(name: str) -> str:
    """newContacts as new contacts."""
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", name).lower()


@register.filter
def stepanswer(step: Step) -> str:
    """What the platform answered to a step, in one line."""
    said = [str(step.answer["said"])] if step.answer.get("said") else []
    counters = step.answer.get("counters", {})
    told = [f"{_spaced(name)} {count(number)}" for name, number in counters.items() if number]
    again = step.answer.get("sent_again")
    return " · ".join([*said, *told, *([_("sent %(times)d times") % {"times": again + 1}] if again else [])])


@register.filter
def cellvalue(value: Any) -> str:
    """A cell of a sample: dates and truth values as people write them."""
    if isinstance(value, datetime | date):
        return date_format(value, "j M Y")
    return "–" if value is None else fieldvalue(value)


@register.filter
def namehints(audience: Audience) -> list[str]:
    """Why a tag of this name cannot be synced; empty when it can."""
    return hints.of_name(audience)


@register.filter
def causetext(cause: str) -> str:
    """Why a tag or list was gained or lost."""
    causes = {
        "rule": _("by the rule"),
        "definition": _("the rule or tag was changed"),
        "user": _("by hand"),
        "import": _("by an import"),
        "api": _("through the API"),
        "gone": _("no longer among the customers"),
        "expired": _("its last day had come"),
    }
    return causes.get(cause, cause)
