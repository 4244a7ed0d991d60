"""Page views on the account's own sites, by people who came there from a mail.

A link to such a site carries a mark; a script that the site includes takes the mark out of the address, keeps
it for the visit and tells us of each page. No cookie is set, and nobody is told apart who did not click.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings

from usher.engage.content import tokens
from usher.engage.models import Message, PageView

#: The name of the mark in an address.
MARK = "usher_visit"
LONGEST_URL = 2000

_SCRIPT = """(function () {
  var name = "%(mark)s", page = new URL(location.href), mark = page.searchParams.get(name);
  try {
    if (mark) {
      sessionStorage.setItem(name, mark);
      page.searchParams.delete(name);
      history.replaceState(history.state, "", page.href);
    }
    mark = mark || sessionStorage.getItem(name);
  } catch (error) { /* without storage only the first page is told */ }
  page.hash = "";
  if (mark) {
    new Image().src =
      "%(base)s/t/v/" + encodeURIComponent(mark) + ".gif?url=" + encodeURIComponent(page.href);
  }
})();
"""


def script() -> str:
    """What a site includes."""
    return _SCRIPT % {"mark": MARK, "base": settings.USHER_PUBLIC_URL}


def marked(target: str, message: int, sites: Sequence[str]) -> str:
    """The target with the message's mark, if it is on one of these sites; else as it is."""
    if not _is_on(target, sites):
        return target
    parts = urlsplit(target)
    mark = f"{MARK}={quote(tokens.signed('visit', message))}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{mark}" if parts.query else mark))


def viewed(message: int, url: str, now: datetime) -> bool:
    """Write down a page that was seen after a click; whether it is on one of the account's sites."""
    row = Message.objects.select_related("account").filter(pk=message).first()
    if row is None or not _is_on(url, row.account.tracked_sites):
        return False
    PageView.objects.create(message=row, url=url[:LONGEST_URL], at=now)
    return True


def _is_on(url: str, sites: Sequence[str]) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    if parts.scheme.lower() not in ("http", "https"):
        return False
    return any(host == site.lower() or host.endswith(f".{site.lower()}") for site in sites)
