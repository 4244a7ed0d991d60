"""Who is counted as a list's member."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from usher.engage.accounts import create_account
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.lists import members
from usher.engage.lists.edit import create_list
from usher.engage.models.contacts import Status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_sizes_leave_out_whoever_opted_out_or_is_suppressed_once() -> None:
    account = create_account("Usher", NOW)
    news, empty, gone = (create_list(account, name, NOW) for name in ("News", "Empty", "Gone"))
    for name in ("alice", "bob", "carol", "dan"):
        person = save(account, Draft(f"{name}@example.com"), NOW)[0]
        members.join(news, person, NOW)
        if name in ("bob", "dan"):
            members.opt_out(news, person, NOW)
        if name == "carol":
            members.join(gone, person, NOW)
    suppress(account, ["carol@example.com", "dan@example.com"], Status.SUPPRESSED, "operator", NOW)
    assert members.counts([news, empty, gone]) == {news.pk: 1}
    assert members.rows(news).count() == 1
