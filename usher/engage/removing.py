"""Take away what definitions made, unless something needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from usher.engage.campaigns import edit as campaigns
from usher.engage.contacts.fields import remove_field
from usher.engage.errors import EngageError
from usher.engage.lists import uses as lists
from usher.engage.models import Account, Campaign, ContactList, Form, Preference
from usher.engage.preferences import tree
from usher.engage.programs.uses import fields_uses
from usher.lib.changes import DefinitionError


def remove(section: str, name: str) -> None:
    """Delete what a section defines under this name, with all that belongs to it.

    DefinitionError when something needs it, or it cannot be deleted. KeyError for another section than those
    of SECTIONS; DoesNotExist when there is no such thing.
    """
    account = Account.objects.order_by("pk").get()
    try:
        _REMOVERS[section](account, name)
    except EngageError as problem:
        raise DefinitionError(section, name, "", problem.message) from None


def _campaign(account: Account, name: str) -> None:
    campaigns.delete(Campaign.objects.filter(account=account, name=name).order_by("pk")[0])


def _data_field(account: Account, name: str) -> None:
    if needing := fields_uses(account, name):
        raise EngageError("ERROR_DATAFIELD_INVALID", f"The data field is used by {', '.join(needing)}.")
    if not remove_field(account, name):
        raise EngageError("ERROR_DATAFIELD_INVALID", "Every account has this data field.")


def _list(account: Account, name: str) -> None:
    lists.delete(ContactList.objects.get(account=account, name=name))


def _preference(account: Account, name: str) -> None:
    tree.remove(Preference.objects.filter(account=account, private_name=name).order_by("pk")[0])


def _form(account: Account, name: str) -> None:
    Form.objects.get(account=account, name=name).delete()


def _program(account: Account, name: str) -> None:
    raise EngageError("", "A program is kept with what happened in it; define it as `status: draft`.")


def _user(account: Account, name: str) -> None:
    raise EngageError("", "An API user is kept with its calls; define it with `enabled: false`.")


_REMOVERS: Mapping[str, Callable[[Account, str], None]] = {
    "api_users": _user,
    "data_fields": _data_field,
    "campaigns": _campaign,
    "programs": _program,
    "contact_lists": _list,
    "contact_segments": _list,
    "preferences": _preference,
    "forms": _form,
}
SECTIONS = frozenset(_REMOVERS)
