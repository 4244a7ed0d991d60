"""The addresses in a mail that lead back to us."""

from __future__ import annotations

from django.conf import settings

from usher.engage.content import tokens


def click_url(message: int, link: int) -> str:
    """Counts a click of the message and goes on to the link's target."""
    return f"{settings.USHER_PUBLIC_URL}/t/c/{tokens.signed('click', message, link)}"


def open_url(message: int) -> str:
    """The pixel."""
    return f"{settings.USHER_PUBLIC_URL}/t/o/{tokens.signed('open', message)}.gif"


def unsubscribe_url(message: int) -> str:
    """The page with one button, and the address of RFC 8058's one-click POST."""
    return f"{settings.USHER_PUBLIC_URL}/t/u/{tokens.signed('unsubscribe', message)}"


def confirm_url(confirmation: int) -> str:
    """The page on which somebody says yes to being mailed."""
    return f"{settings.USHER_PUBLIC_URL}/t/k/{tokens.signed('confirm', confirmation)}"


def preferences_url(message: int) -> str:
    """The page on which whoever got the mail chooses what they get."""
    return f"{settings.USHER_PUBLIC_URL}/t/p/{tokens.signed('preferences', message)}"
