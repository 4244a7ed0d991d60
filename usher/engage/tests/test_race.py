"""Many who write the same contact at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from usher.engage.accounts import create_account
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Contact
from usher.engage.tests.conftest import NOW


@pytest.mark.django_db(transaction=True)
def test_the_same_address_from_twenty_at_once_is_one_contact() -> None:
    account = create_account("Usher", NOW)

    def write(number: int) -> bool:
        try:
            return save(account, Draft("alice@example.com", {"FIRSTNAME": str(number)}), NOW)[1]
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as clients:
        made = list(clients.map(write, range(20)))
    assert sum(made) == 1
    assert Contact.objects.count() == 1
