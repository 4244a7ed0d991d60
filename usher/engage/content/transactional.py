"""A triggered campaign as a letter: filled with the caller's values, without a way out of marketing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from datetime import datetime

from liquid import Markup

from usher.engage.content.fields import Fields, Person
from usher.engage.content.links import WAY_OUT
from usher.engage.content.render import Template
from usher.engage.models import Campaign

_LINK_OUT = re.compile(
    r"""<a \s (?:[^<>]*? \s)? href \s* = \s* ["']? \s*
        (?:https?://)? \$(?:UNSUB|PREFERENCES)\$ /? \s* ["']? [^<>]*>
        .*? </a \s* >""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def transactional(campaign: Campaign) -> Campaign:
    """The campaign without its unsubscribe and preference links, their words, and the text's lines."""
    stripped = copy(campaign)
    stripped.html = WAY_OUT.sub("", _LINK_OUT.sub("", campaign.html))
    stripped.text = "\n".join(line for line in campaign.text.split("\n") if not WAY_OUT.search(line))
    return stripped


def filled_for(email: str, values: Mapping[str, str]) -> Person:
    """Whom a letter is for: no contact, only what the caller says, which may be HTML."""
    return Person(0, email, {name.upper(): Markup(value) for name, value in values.items()})


def prepared(campaign: Campaign, email: str, values: Mapping[str, str], now: datetime) -> tuple[str, str]:
    """HTML and text as a letter to this address would have them, links not yet counted. TemplateError."""
    template = Template(transactional(campaign), Fields.of(campaign.account))
    draft = template.draft(filled_for(email, values), now)
    return "".join(draft.html), "".join(draft.text)
