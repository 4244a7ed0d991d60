"""Spotler's properties of a contact: the address, the mobile number, and the account's data fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from usher.engage.api.problems import ApiError
from usher.engage.contacts.fields import types_of
from usher.engage.contacts.write import Draft
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact
from usher.engage.models.contacts import FieldType
from usher.engage.texts.numbers import digits

#: Spotler's usual properties -> the data fields that every account has. Any other property is the data field
#: of the same name, in any case of letters.
NAMES = {
    "firstName": "FIRSTNAME",
    "lastName": "LASTNAME",
    "gender": "GENDER",
    "postalCode": "POSTCODE",
}
_FIELDS = {name.lower(): field for name, field in NAMES.items()}
_TYPES = {
    FieldType.STRING: "string",
    FieldType.NUMERIC: "money",
    FieldType.DATE: "dateTime",
    FieldType.BOOLEAN: "string",
}
_OWN = {"email": "email", "mobile": "mobNr"}


def types(account: Account) -> dict[str, str]:
    """Property -> Spotler's type; what is not there is refused."""
    shown = {field: name for name, field in NAMES.items()}
    found = {shown.get(field, field): _TYPES[FieldType(kind)] for field, kind in types_of(account).items()}
    return {**_OWN, **found}


def read(sent: Mapping[str, Any]) -> Draft:
    """The properties (by lower-case name) as a draft; its address is empty when none was sent."""
    values = {name.lower(): value for name, value in sent.items()}
    email, mobile = values.pop("email", None), values.pop("mobile", None)
    if email is not None and not isinstance(email, str):
        raise ApiError(400, "INVALID_PROPERTY", "email is not a text.")
    number = None
    if mobile is not None:
        try:
            number = digits(str(mobile)) if str(mobile).strip() else ""
        except EngageError as problem:
            raise ApiError(400, "INVALID_PROPERTY", f"mobile: {problem.message}") from None
    data = {_FIELDS.get(name, name): value for name, value in values.items()}
    return Draft((email or "").strip(), data, mobile_number=number)


def of_contact(row: Contact) -> dict[str, Any]:
    """Only what has a value."""
    shown = {field: name for name, field in NAMES.items()}
    own = {"email": row.email, "mobile": row.mobile_number}
    return {name: value for name, value in own.items() if value} | {
        shown.get(field, field): value for field, value in row.data.items()
    }
