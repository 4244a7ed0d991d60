"""Making and changing sign-up forms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from usher.engage.contacts.fields import types_of
from usher.engage.errors import EngageError
from usher.engage.models import Account, ContactList, Form, Preference
from usher.engage.models.lists import ListKind

LONGEST_NAME, LONGEST_SLUG, LONGEST_TITLE = 128, 80, 255
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True)
class Asked:
    """A data field that a form asks for."""

    name: str
    #: What stands beside it; empty: made of the name.
    label: str = ""
    required: bool = False


@dataclass(frozen=True)
class Draft:
    """A form as somebody describes it."""

    name: str
    list: ContactList
    title: str
    consent_text: str
    #: The last part of its address; empty: made of the name.
    slug: str = ""
    intro: str = ""
    fields: Sequence[Asked] = ()
    #: Ids of the preferences that are offered.
    preferences: Sequence[int] = ()
    thanks: str = ""
    return_url: str = ""
    enabled: bool = True


def address_of(form: Form) -> str:
    """Where people find the form."""
    return f"{settings.USHER_PUBLIC_URL}/f/{form.slug}"


def save(account: Account, draft: Draft, now: datetime, form: Form | None = None) -> Form:
    """Make a form, or give `form` what the draft says.

    Refused for a name or address that is taken, an empty name, title or consent text, a segment instead of a
    list, a field or preference that is not there, and a return address that is no web address.
    """
    made = form or Form(account=account, created_at=now)
    made.name = _said(draft.name, "name", LONGEST_NAME)
    made.title = _said(draft.title, "title", LONGEST_TITLE)
    made.consent_text = _said(draft.consent_text, "consent text", 10_000)
    made.slug = _slug(draft)
    made.list = _list(account, draft.list)
    made.fields = _fields(account, draft.fields)
    made.preferences = _preferences(account, draft.preferences)
    made.intro, made.thanks, made.enabled = draft.intro.strip(), draft.thanks.strip(), draft.enabled
    made.return_url, made.updated_at = _return_url(draft.return_url), now
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise _invalid(
            f"There is a form '{made.name}' already, or one at the address /f/{made.slug}."
        ) from None
    return made


def _said(text: str, what: str, longest: int) -> str:
    text = text.strip()
    if not text or len(text) > longest:
        raise _invalid(f"The {what} of a form has 1 to {longest} characters.")
    return text


def _slug(draft: Draft) -> str:
    slug = draft.slug.strip() or slugify(draft.name)[:LONGEST_SLUG]
    if not _SLUG.fullmatch(slug):
        raise _invalid(f"'{slug}' is no address: 1 to {LONGEST_SLUG} letters, digits, - and _.")
    return slug


def _list(account: Account, found: ContactList) -> ContactList:
    if found.account_id != account.pk or found.kind != ListKind.LIST:
        raise _invalid(f"'{found.name}' is not a list that people can join.")
    return found


def _fields(account: Account, asked: Sequence[Asked]) -> list[dict[str, object]]:
    known = types_of(account)
    names = [one.name.strip().upper() for one in asked]
    if strange := [name for name in names if name not in known]:
        raise _invalid(f"There is no data field '{strange[0]}'.")
    if len(set(names)) < len(names):
        raise _invalid("A form asks for a data field once.")
    return [
        {"name": name, "label": one.label.strip() or _label(name), "required": one.required}
        for name, one in zip(names, asked, strict=True)
    ]


def _label(name: str) -> str:
    words = {"FIRSTNAME": "First name", "LASTNAME": "Last name", "FULLNAME": "Name"}
    return words.get(name) or name.replace("_", " ").capitalize()


def _preferences(account: Account, ids: Sequence[int]) -> list[int]:
    topics = Preference.objects.filter(account=account, is_preference=True, pk__in=ids)
    known = set(topics.values_list("pk", flat=True))
    if strange := [one for one in ids if one not in known]:
        raise _invalid(f"There is no preference {strange[0]}.")
    return list(dict.fromkeys(ids))


def _return_url(url: str) -> str:
    url = url.strip()
    if url and not url.lower().startswith(("https://", "http://")):
        raise _invalid(f"'{url}' is no web address: it begins with https://.")
    return url


def _invalid(message: str) -> EngageError:
    return EngageError("ERROR_PARAMETER_INVALID", message)
