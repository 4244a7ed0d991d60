from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from usher.engage.accounts import limit
from usher.engage.definitions import AccountBody, apply
from usher.engage.models import Account
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


def test_a_definition_gives_an_account_other_limits(account: Account) -> None:
    body = AccountBody(name="Usher", limits={"low_calls": 100})
    apply("account", "", body, base_dir=Path(), by="anna", now=NOW)
    account.refresh_from_db()
    assert (limit(account, "low_calls"), limit(account, "high_calls")) == (100, 300)


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"slow_calls": 1}, "there is no limit slow_calls"), ({"low_calls": -1}, "greater than")],
)
def test_a_limit_that_cannot_be_is_refused(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AccountBody(name="Usher", limits=limits)


def test_enrolments_are_limited_as_the_account_says(api: Caller, account: Account) -> None:
    from usher.engage.models import Program

    program = Program.objects.create(account=account, name="Win back", status="Active", created_at=NOW)
    account.limits = {"contacts_per_enrolment": 1, "lists_per_enrolment": 0}
    account.save()
    ask = {"programId": program.pk, "contacts": [1, 2]}
    assert api.error("POST /v2/programs/enrolments", ask) == (
        400,
        "At most 1 contacts. ERROR_ENROLMENT_INVALID",
    )
    ask = {"programId": program.pk, "addressBooks": [1]}
    assert api.error("POST /v2/programs/enrolments", ask) == (
        400,
        "At most 0 address books. ERROR_ADDRESSBOOK_TOOMANY",
    )
