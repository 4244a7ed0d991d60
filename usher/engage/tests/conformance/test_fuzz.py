"""Calls made by chance from the published descriptions, as described and otherwise, to a server as it is run.

Whatever is sent: no reply is an error of the server, each is as described, and the jobs that calls leave can
be done. `make test-fuzz` makes many more calls than `make test`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation

from usher.engage.access import create_api_user
from usher.engage.accounts import create_account
from usher.engage.models.accounts import Scheme
from usher.engage.tests.conformance import samples
from usher.engage.tests.conformance.described import DOCUMENTS, with_wholes
from usher.engage.tests.conformance.replies import problems
from usher.engage.tests.served import served
from usher.engage.tests.stage import Stage, furnished, work
from usher.lib import clock
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

#: Calls of each operation in each manner, and where chance begins.
CALLS = int(os.environ.get("USHER_FUZZ_CALLS", "1"))
SEED = int(os.environ.get("USHER_FUZZ_SEED", "1"))
PASSWORD = "correct horse 1"
#: What takes things away is called last.
LAST = ("empty-recycle-bin", "delete-all", "contacts/delete")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    with served(tmp_path, workers=1) as found:
        yield found


def test_no_call_by_chance_is_answered_with_an_error_of_the_server(
    server: tuple[str, Path], settings: Any
) -> None:
    address, folder = server
    settings.USHER_DATA_DIR = folder
    account = create_account("Opera", clock.now())
    create_api_user(account, clock.now(), "me", PASSWORD, scheme=Scheme.NONE)
    session = requests.Session()
    session.auth = ("me", PASSWORD)
    found = known(furnished(account), session, address)
    wrong: list[str] = []
    answered: Counter[int] = Counter()

    def call(case: Any, aim: Callable[[Any], Any]) -> None:
        case.path_parameters = aim(case.path_parameters)
        case.query, case.body = aim(case.query), aim(case.body)
        reply = case.call(base_url=address, session=session, timeout=60)
        answered[reply.status_code] += 1
        if reply.status_code >= 500 or objections(reply):
            wrong.append(
                f"{case.as_curl_command()}\n  {reply.status_code} {reply.text[:300]}\n  {objections(reply)}"
            )

    for operation in described():
        for mode in GenerationMode:
            if mode == GenerationMode.POSITIVE or can_be_wrong(operation):
                play(operation, mode, call, found)
    print(dict(answered))
    assert not wrong, "\n\n".join(wrong[:20])
    with SinkThread(Spool(folder / "mail"), now=clock.now) as sink:
        settings.USHER_SMTP_URL = f"smtp://127.0.0.1:{sink.port}"
        assert work() == []


def objections(reply: Any) -> list[str]:
    method, path = reply.request.method, reply.request.path_url.partition("?")[0]
    kind = reply.headers.get("content-type", [""])[0]
    return problems(method, requests.utils.unquote(path), reply.status_code, kind, reply.content)


def described() -> list[APIOperation[Any, Any, Any, Any]]:
    """The operations of all descriptions, in the order in which they are called."""
    found = [
        operation.ok()
        for name in DOCUMENTS
        for operation in schemathesis.openapi.from_dict(with_wholes(name)).get_all_operations()
    ]
    return sorted(found, key=lambda one: (one.method.upper() == "DELETE", one.path.endswith(LAST)))


def can_be_wrong(operation: Any) -> bool:
    """Is there anything about it that has a type? Every text is a good path."""
    kinds = [one.definition.get("schema", {}).get("type") for one in operation.path_parameters]
    return bool(operation.body or operation.query or "integer" in kinds)


def play(
    operation: Any, mode: GenerationMode, call: Callable[..., None], found: Mapping[str, list[Any]]
) -> None:
    @seed(SEED)
    @settings(
        max_examples=CALLS,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), chance=st.data())
    def run(case: Any, chance: Any) -> None:
        call(case, lambda sent: aimed(sent, found, chance))

    try:
        run()
    except Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE, operation.label


def aimed(sent: Any, found: Mapping[str, list[Any]], chance: Any, name: str = "") -> Any:
    """What is sent, with about half of its ids and addresses being those of something."""
    if isinstance(sent, dict):
        return {key: aimed(one, found, chance, key) for key, one in sent.items()}
    if isinstance(sent, list):
        return [aimed(one, found, chance, name.removesuffix("s")) for one in sent]
    real = found.get(name.lower())
    if real is None or not isinstance(sent, str | int | float) or chance.draw(st.booleans()):
        return sent
    return chance.draw(st.sampled_from(real))


def known(stage: Stage, session: requests.Session, address: str) -> dict[str, list[Any]]:
    """What exists, by the names that parameters and properties have for it (lower case)."""
    people = [f"{name}@example.com" for name in ("alice", "bob", "carol")]
    contacts = [session.post(f"{address}/v2/contacts", json={"email": one}).json()["id"] for one in people]
    session.post(f"{address}/v2/contacts/unsubscribe", json={"email": people[1]})
    lists = [one.pk for one in (stage.news, stage.club, stage.segment)]
    campaigns = [one.pk for one in (stage.standard, stage.triggered)]
    return {
        **{key: [value] for key, value in samples.TEXTS.items()},
        **dict.fromkeys(("email", "contactemail", "value", "toaddresse", "identifier"), people),
        **dict.fromkeys(("contactid", "contact", "contactids"), contacts),
        **dict.fromkeys(("addressbookid", "addressbook", "bookid", "list", "segmentid"), lists),
        **dict.fromkeys(("campaignid", "campaign"), campaigns),
        "identifier": ["email", "mobileNumber", "contactId"],
        "programid": [stage.program.pk],
        "preferenceid": [stage.topic.pk],
        "id": [*contacts, *lists, *campaigns, stage.program.pk, stage.topic.pk],
    }
