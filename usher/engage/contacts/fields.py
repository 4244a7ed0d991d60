"""The data fields of an account: which there are, making one, removing one."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection, transaction

from usher.engage.contacts.values import MisfitError, typed
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, DataField
from usher.engage.models.contacts import FieldType, Visibility
from usher.lib.database.ready import Ready

#: Every account has these from its beginning, and keeps them.
BUILT_IN = ("FIRSTNAME", "LASTNAME", "FULLNAME", "GENDER", "POSTCODE")
#: Unless the account's limits say otherwise.
MOST_FIELDS = 1000
#: A field that says of a contact that it is a seed, not a customer.
SEED = "USHER_SEED"
#: Names with another meaning in content or in import files.
RESTRICTED = frozenset(
    [
        *(
            "ACCOUNT",
            "CAMPAIGN",
            "CAMPAIGNID",
            "CONTACT",
            "CONTACT_API_ID",
            "CONTACTID",
            "EMAIL",
            "HCONTACTID",
        ),
        *("HEMAIL", "HEMAIL256", "ID", "MESSAGECONTENT", "MOBILENUMBERID", "NOTES", "TOKEN"),
        *("UNSUBSCRIBED", "UNIQUECONTACTID"),
    ]
)
_NAME = re.compile(r"[A-Z0-9_-]{1,20}")
#: What the product calls the types, beside their names in the API.
_TYPES = {kind.lower(): FieldType(kind) for kind in FieldType.values} | {
    "text": FieldType.STRING,
    "yes/no": FieldType.BOOLEAN,
}
_VISIBILITIES = {name.lower(): Visibility(name) for name in Visibility.values}


#: The names of a contact's fields, oldest first, as a column behind those of the contact `c`: see `read`.
FIELD_NAMES = """
(select coalesce(array_agg(field.name order by field.id), '{}') from engage_datafield field
  where field.account_id = c.account_id)"""


def read(row: tuple[Any, ...], account: Account) -> Contact:
    """The contact of a row that begins with it and with FIELD_NAMES."""
    contact: Contact = row[0]
    contact.account = account
    contact.field_names = row[1]  # type: ignore[attr-defined]
    return contact


def names_for(contact: Contact) -> list[str]:
    """The same of a contact that was read, without asking again where it was read with FIELD_NAMES."""
    names: list[str] | None = vars(contact).get("field_names")
    return list(types_of(contact.account)) if names is None else names


# asked with every contact that is read or written
_TYPES_OF = Ready("select name, type from engage_datafield where account_id = %(account)s order by id")


def types_of(account: Account) -> dict[str, str]:
    """Field name (upper case) -> type, of every data field of the account, oldest first."""
    return dict(_TYPES_OF.rows({"account": account.pk}))


def create_built_in(account: Account) -> None:
    DataField.objects.bulk_create(
        [DataField(account=account, name=name, type=FieldType.STRING) for name in BUILT_IN]
    )


def create_field(
    account: Account, name: str, kind: str, visibility: str = "Private", default: object = None
) -> DataField:
    """Make a data field.

    Refused for a name that is taken, reserved or malformed, for an unknown type, and for one field too many.
    """
    name = checked_name(name)
    if DataField.objects.filter(account=account, name=name).exists():
        raise EngageError("ERROR_NON_UNIQUE_DATAFIELD", "Field already exists.")
    most = int(account.limits.get("data_fields", MOST_FIELDS))
    if DataField.objects.filter(account=account).count() >= most:
        raise EngageError("ERROR_DATAFIELD_LIMITEXCEEDED", f"The account has {most} data fields already.")
    field = DataField(account=account, name=name, type=checked_type(kind))
    field.visibility = checked_visibility(visibility)
    field.default_value = checked_default(field, default)
    _, created = DataField.objects.get_or_create(
        account=account,
        name=name,
        defaults={
            "type": field.type,
            "visibility": field.visibility,
            "default_value": field.default_value,
        },
    )
    if not created:  # somebody else was quicker
        raise EngageError("ERROR_NON_UNIQUE_DATAFIELD", "Field already exists.")
    return field


def checked_name(name: str) -> str:
    upper = name.strip().upper()
    if not _NAME.fullmatch(upper):
        raise EngageError(
            "ERROR_DATAFIELD_INVALID", f"'{name}' must be 1 to 20 letters, digits, underscores or hyphens."
        )
    if upper in RESTRICTED:
        raise EngageError("ERROR_DATAFIELD_INVALID", f"'{name}' is a reserved name.")
    return upper


def checked_type(kind: str) -> FieldType:
    try:
        return _TYPES[kind.strip().lower()]
    except KeyError:
        raise EngageError(
            "ERROR_DATAFIELD_INVALID", f"'{kind}' is not one of String, Numeric, Date, Boolean."
        ) from None


def checked_visibility(visibility: str) -> Visibility:
    try:
        return _VISIBILITIES[visibility.strip().lower()]
    except KeyError:
        raise EngageError(
            "ERROR_DATAFIELD_INVALID", f"'{visibility}' is neither Private nor Public."
        ) from None


def checked_default(field: DataField, default: object) -> str | None:
    try:
        value = typed(field.type, default)
    except MisfitError as problem:
        raise EngageError(problem.token, f"The default of {field.name} {problem}.") from None
    return value if value is None or isinstance(value, str) else str(value).lower()


def remove_field(account: Account, name: str) -> bool:
    """Remove a data field and every contact's value of it; False when it is built in and stays.

    Refused when there is no such field.
    """
    upper = name.strip().upper()
    with transaction.atomic():
        field = DataField.objects.select_for_update().filter(account=account, name=upper).first()
        if field is None:
            raise EngageError("ERROR_DATAFIELD_NOTFOUND")
        if upper in BUILT_IN:
            return False
        field.delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "update engage_contact set data = data - %s where account_id = %s and data ? %s",
                [upper, account.pk, upper],
            )
    return True
