"""The links of a rendered mail: found, given rows, and exchanged for addresses that count clicks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any
from uuid import UUID

from django.db import connection

#: Written where the unsubscribe address goes.
UNSUBSCRIBE = re.compile(r"(?:https?://)?\$UNSUB\$/?", re.IGNORECASE)
#: The same, or where the address of the preference centre goes; its group says which.
WAY_OUT = re.compile(r"(?:https?://)?\$(UNSUB|PREFERENCES)\$/?", re.IGNORECASE)
#: An <a …> with its http address; the loose text cannot run past the tag's end.
_ANCHOR = re.compile(
    r"""(?ix) ( <a \s (?:[^<>]*? \s)? href \s* = \s* )  (?: "(https?://[^"<>]*)" | '(https?://[^'<>]*)' )"""
)
_IN_TEXT = re.compile(r"""(https?://[^\s<>"]*[^\s<>".,;:!?)\]}'])""", re.IGNORECASE)

#: Browsers drop these inside an address, and no header may hold them.
_STRAY = str.maketrans("", "", "\r\n\t\0")

Pieces = list[str]


def split_html(html: str) -> Pieces:
    """Text and link targets in turn: every odd piece is the target of an <a href="http…">."""
    pieces: Pieces = []
    at = 0
    for found in _ANCHOR.finditer(html):
        group = 2 if found[2] is not None else 3
        pieces += [html[at : found.start(group)], unescape(found[group]).translate(_STRAY).strip()]
        at = found.end(group)
    pieces.append(html[at:])
    return pieces


def split_text(text: str) -> Pieces:
    """The same of plain text: every odd piece is an address, without the full stop behind it."""
    return _IN_TEXT.split(text)


def targets(pieces: Pieces) -> set[str]:
    """The addresses whose clicks are counted."""
    return {url for url in pieces[1::2] if not WAY_OUT.fullmatch(url)}


_INSERT = """
insert into engage_link (campaign_id, url)
select %s, url from unnest(%s::text[]) as wanted(url)
on conflict do nothing
"""
_SELECT = """
select url, id from engage_link
 where campaign_id = %s and md5(url) in (select md5(url) from unnest(%s::text[]) as wanted(url))
"""


def link_ids(campaign: int, urls: Iterable[str]) -> dict[str, int]:
    """The row of each address, made if there is none."""
    # in one order, so that two senders meeting new links do not wait for each other
    wanted = sorted(urls)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [campaign, wanted])
        cursor.execute(_SELECT, [campaign, wanted])
        return dict(cursor.fetchall())


_INSERT_OF_LETTERS = """
insert into engage_link (letter_id, url)
select letter, url from unnest(%(letters)s::uuid[], %(urls)s::text[]) as wanted(letter, url)
on conflict do nothing
"""
_SELECT_OF_LETTERS = """
select link.letter_id, link.url, link.id
  from unnest(%(letters)s::uuid[], %(urls)s::text[]) as wanted(letter, url)
  join engage_link link on link.letter_id = wanted.letter and md5(link.url) = md5(wanted.url)
"""


def link_ids_of_letters(wanted: Mapping[UUID, Iterable[str]]) -> dict[UUID, dict[str, int]]:
    """The same for letters, each of which has links of its own: letter -> its addresses' rows."""
    pairs = sorted((letter, url) for letter, urls in wanted.items() for url in urls)
    bound: dict[str, Any] = {"letters": [letter for letter, _ in pairs], "urls": [url for _, url in pairs]}
    found: dict[UUID, dict[str, int]] = {letter: {} for letter in wanted}
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_OF_LETTERS, bound)
            cursor.execute(_SELECT_OF_LETTERS, bound)
            for letter, url, link in cursor.fetchall():
                found[letter][url] = link
    return found
