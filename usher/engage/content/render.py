"""Renders a campaign for one person: compiled once, then some ten thousand a second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

from liquid.exceptions import LiquidError

from usher.engage.content import addresses, links, liquid
from usher.engage.content.fields import Data, Fields, Person, Printed
from usher.engage.models import Campaign

PIXEL = '<img src="{}" alt="" width="1" height="1" style="display:block;width:1px;height:1px;border:0">'


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail rendered for a person; its links still point to their targets (every odd piece)."""

    subject: str
    html: links.Pieces
    text: links.Pieces

    def targets(self) -> set[str]:
        return links.targets(self.html) | links.targets(self.text)


@dataclass(frozen=True, slots=True)
class Content:
    """A mail ready to be built: subject, both parts, and the way out of it."""

    subject: str
    html: str
    text: str
    unsubscribe_url: str


class Template:
    """A campaign, compiled. TemplateError if a part cannot be."""

    def __init__(self, campaign: Campaign, fields: Fields) -> None:
        self.fields = fields
        self.subject = liquid.compile_template(campaign.subject, html=False)
        self.html = liquid.compile_template(campaign.html, html=True)
        self.text = liquid.compile_template(campaign.text, html=False)
        self.campaign = {"name": campaign.name, "subject": campaign.subject}
        self.account = {"name": campaign.account.name}

    def draft(self, person: Person, now: datetime) -> Draft:
        """The mail for one person. TemplateError if it cannot be made for this one."""
        context = {
            "contact": {"id": person.contact_id, "email": person.email, "data": Data(self.fields, person)},
            "field": Printed(self.fields, person),
            "campaign": self.campaign,
            "account": self.account,
            "now": now,
        }
        try:
            return Draft(
                # a line break in a value must not become one in a header
                subject=" ".join(self.subject.render(context).split()),
                html=links.split_html(self.html.render(context)),
                text=links.split_text(self.text.render(context)),
            )
        except LiquidError as error:
            raise liquid.explained(error) from None


def finish(draft: Draft, message: int, link_ids: Mapping[str, int]) -> Content:
    """The draft with this message's own addresses: counted links, unsubscribe, preferences, pixel."""
    unsubscribe = addresses.unsubscribe_url(message)

    def way_out(found: re.Match[str]) -> str:
        return unsubscribe if found[1].upper() == "UNSUB" else addresses.preferences_url(message)

    counted = {url: addresses.click_url(message, link_ids[url]) for url in draft.targets()}

    def joined(pieces: links.Pieces) -> str:
        done = [links.WAY_OUT.sub(way_out, piece) if "$" in piece else piece for piece in pieces]
        done[1::2] = [counted.get(url) or links.WAY_OUT.sub(way_out, url) for url in pieces[1::2]]
        return "".join(done)

    return Content(draft.subject, with_pixel(joined(draft.html), message), joined(draft.text), unsubscribe)


def counted(pieces: links.Pieces, message: int, link_ids: Mapping[str, int]) -> str:
    """A part of a letter with this message's own addresses instead of its targets."""
    done = list(pieces)
    done[1::2] = [
        addresses.click_url(message, link_ids[url]) if url in link_ids else url for url in pieces[1::2]
    ]
    return "".join(done)


def with_pixel(html: str, message: int) -> str:
    """The HTML with the picture at its end that tells when it is opened."""
    pixel = PIXEL.format(escape(addresses.open_url(message)))
    at = html.rfind("</body>")
    if at < 0:
        at = html.lower().rfind("</body>")
    return html + pixel if at < 0 else html[:at] + pixel + html[at:]
