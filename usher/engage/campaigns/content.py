"""What a campaign must have to be mailed, whoever makes it."""

from __future__ import annotations

from usher.engage.content import links
from usher.engage.content.fields import Fields
from usher.engage.content.liquid import TemplateError
from usher.engage.content.render import Template
from usher.engage.errors import EngageError
from usher.engage.models import Campaign
from usher.lib import addresses

INVALID = "ERROR_CAMPAIGN_INVALID"
#: Longest value of each field that is one line.
LINES = {"name": 255, "subject": 998, "from_name": 128}


def check(campaign: Campaign) -> None:
    """EngageError when a part is missing, not one line, without a way out, or cannot be rendered."""
    for name, longest in LINES.items():
        _check_line(name, getattr(campaign, name), longest)
    for name in ("from_address", "reply_to", "forward_to"):
        address = getattr(campaign, name)
        if address and addresses.problem(address):
            raise EngageError(INVALID, f"The {_said(name)} '{address}' is not an address.")
    for name in ("html", "text"):
        content = getattr(campaign, name)
        if not content.strip():
            raise EngageError(INVALID, f"The {name} content is required.")
        if not links.UNSUBSCRIBE.search(content):
            raise EngageError(INVALID, f"The {name} content has no unsubscribe link (http://$UNSUB$).")
    try:
        Template(campaign, Fields.of(campaign.account))
    except TemplateError as problem:
        raise EngageError(INVALID, f"The content cannot be used: {problem}") from None


def _check_line(name: str, value: str, longest: int) -> None:
    if name != "from_name" and not value.strip():
        raise EngageError(INVALID, f"The {_said(name)} field is required.")
    if len(value) > longest or "\r" in value or "\n" in value:
        raise EngageError(INVALID, f"The {_said(name)} field is one line of at most {longest} characters.")


def _said(name: str) -> str:
    return "".join(map(str.capitalize, name.split("_")))
