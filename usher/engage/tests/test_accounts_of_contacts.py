"""The database itself lets no contact be without its account, whoever writes."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from usher.engage.accounts import create_account
from usher.engage.models import Account, Contact
from usher.engage.tests.conftest import NOW


def contact(account_id: int, name: str) -> Contact:
    return Contact(
        account_id=account_id,
        email=name,
        email_key=name,
        status_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )


def test_a_contact_needs_an_account(account: Account) -> None:
    rows = [contact(account.pk, "a@example.com"), contact(account.pk + 1, "b@example.com")]
    with pytest.raises(IntegrityError, match="belongs to an account that is not there"), transaction.atomic():
        Contact.objects.bulk_create(rows)
    assert not Contact.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_account_that_has_contacts_stays() -> None:
    account = create_account("Usher", NOW)
    contact(account.pk, "a@example.com").save()
    delete = "delete from engage_datafield; delete from engage_account"
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="still has contacts"):
        cursor.execute(delete)
    assert Account.objects.get() == account


def test_an_account_goes_with_its_contacts(account: Account) -> None:
    contact(account.pk, "a@example.com").save()
    account.delete()
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
    assert not Contact.objects.exists()
