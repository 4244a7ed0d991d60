"""Every described operation, called as it is described and otherwise; the client objects to wrong replies."""

from __future__ import annotations

from typing import Any

import pytest

from usher.engage.models import Account, Program
from usher.engage.tests.conformance import samples, served
from usher.engage.tests.conformance.described import Operation, operations
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

#: Bodies that no operation takes.
WRONG: tuple[Any, ...] = (
    None,
    [],
    {},
    "text",
    [1, "x", None],
    {"id": {"deep": []}, "contact": 5, "name": [1]},
)
NOT_BUILT = [one for one in operations() if not served.is_served(one)]
BUILT = [one for one in operations() if served.is_served(one)]

CAMPAIGN = {
    "name": "Spring",
    "subject": "Spring",
    "fromName": "Opera",
    "htmlContent": '<a href="http://$UNSUB$">Leave</a>',
    "plainTextContent": "Leave: http://$UNSUB$",
}


@pytest.fixture
def ids(api: Caller, account: Account) -> dict[str, int]:
    """One of everything, by the names that parameters and properties have for its id."""
    contact = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"]
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    campaign = api.json("POST /v2/campaigns", CAMPAIGN, 201)["id"]
    topic = api.json(
        "POST /v2/preferences", {"publicName": "Jazz", "privateName": "Jazz", "isPreference": True}
    )
    program = Program.objects.create(account=account, name="Win back", created_at=NOW).pk
    return {
        **dict.fromkeys(("contactid", "contacts", "contact", "contactids"), contact),
        **dict.fromkeys(("addressbookid", "bookid", "addressbook", "addressbookids"), book),
        **dict.fromkeys(("campaignid", "campaign"), campaign),
        "preferenceid": topic["id"],
        "programid": program,
    }


@pytest.mark.parametrize("operation", NOT_BUILT, ids=str)
def test_what_is_not_built_is_said_to_be_inactive(api: Caller, operation: Operation) -> None:
    answer = api(f"{operation.method} {samples.path(operation, {})}", {})
    assert answer.status_code == 403
    assert "FEATURENOTACTIVE" in answer.content.decode().upper()


@pytest.mark.parametrize("operation", BUILT, ids=str)
def test_what_is_built_answers_as_described(api: Caller, ids: dict[str, int], operation: Operation) -> None:
    kind = operation.template.split("/")[2]
    own = {"contacts": "contactid", "contact": "contactid", "address-books": "addressbookid"}
    own |= {"campaigns": "campaignid", "preferences": "preferenceid", "programs": "programid"}
    known = ids | {"id": ids.get(own.get(kind, ""), 1)}
    line = f"{operation.method} {samples.path(operation, known)}"
    answer = api(line, samples.body(operation, known))
    assert answer.status_code < 500, answer.content
    for wrong in WRONG:
        assert api(line, wrong).status_code < 500
    unreal = f"{operation.method} {samples.unreal_path(operation)}"
    assert api(unreal, samples.body(operation, known)).status_code < 500
    for query in ("?select=0&skip=-1", "?select=x", "?limit=0&marker=%FF", "?~created=x&~listId=x"):
        assert api(f"{line}{query}", {}).status_code < 500


def test_the_page_about_it_is_fresh() -> None:
    assert served.PAGE.read_text("utf-8") == served.page(), (
        "run python -m usher.engage.tests.conformance.served"
    )
