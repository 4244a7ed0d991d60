"""What a caller may write: text without control characters, moments, and no field that nobody reads."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from pydantic import AfterValidator, BeforeValidator, ConfigDict


class Asked(Schema):
    """A body or query of which every field is read: one that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


def demand_known(request: HttpRequest, wanted: type[Schema]) -> None:
    """422 for a word of the query that `wanted` does not have; it names those that there are."""
    unknown = next((name for name in request.GET if name not in wanted.model_fields), None)
    if unknown is not None:
        known = ", ".join(wanted.model_fields)
        raise HttpError(422, f"{unknown[:60]!r} is not known here; there are {known}")


def _plain(text: str) -> str:
    if any((ord(letter) < 32 and letter not in "\n\r\t") or ord(letter) == 127 for letter in text):
        raise ValueError("it holds a control character")
    return text


def _moment(given: Any) -> Any:
    """A date is 06:00 of that day, and a time without a zone is the organisation's, as in commands."""
    if not isinstance(given, str):
        return given
    zone = ZoneInfo(settings.TIME_ZONE)
    if len(given) == 10:
        return datetime.combine(date.fromisoformat(given), time(6), zone)
    found = datetime.fromisoformat(given)
    return found if found.tzinfo else found.replace(tzinfo=zone)


Text = Annotated[str, AfterValidator(_plain)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
