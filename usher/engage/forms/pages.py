"""How pages for people outside are answered: no scripts, no frames, no cookies, not for search engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render


def shown(
    request: HttpRequest,
    template: str,
    page: Mapping[str, Any],
    *,
    status: int = 200,
    leads_to: str = "",
    indexed: bool = False,
) -> HttpResponse:
    """The page; its form may lead on to `leads_to`, an address of another site, and to no other."""
    response = render(request, f"engage/{template}", dict(page), status=status)
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self'{_origin(leads_to)}"
    )
    response["Referrer-Policy"] = "no-referrer"
    if not indexed:
        response["X-Robots-Tag"] = "noindex"
    return response


def led_on(url: str) -> HttpResponse:
    """Go on to an address that the account has named."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    response["Referrer-Policy"] = "no-referrer"
    return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme in ("http", "https") and parts.hostname and parts.netloc.isascii()
    # a host of letters, digits, dots and a port cannot end the directive and begin another
    return f" {parts.scheme}://{parts.netloc}" if plain and not set(parts.netloc) & set("@;, '\"") else ""
