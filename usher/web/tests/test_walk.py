"""Every address: closed without a log-in, answering with one, full and empty."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse

from usher.audiences.models import Audience, ComputedField, TagGroup
from usher.engage.access import create_api_user
from usher.engage.contacts.fields import BUILT_IN, create_field
from usher.engage.forms import edit
from usher.engage.forms.edit import Asked, Draft
from usher.engage.lists.edit import create_list
from usher.engage.messages import letters
from usher.engage.models import (
    Account,
    ApiCall,
    ApiUser,
    Campaign,
    Contact,
    ContactList,
    DataField,
    Form,
    Import,
    Letter,
    Message,
    Preference,
    Program,
    Send,
    TextMessage,
)
from usher.engage.models.lists import ListKind
from usher.engage.preferences import tree
from usher.engage.segments.edit import create_segment
from usher.engage.texts import outbox
from usher.seeds.models import Incident
from usher.sources.models import Table
from usher.syncs.models import Run
from usher.web import drafts
from usher.web.tests import scene
from usher.web.urls import urlpatterns

pytestmark = pytest.mark.django_db

OPEN = {"login", "logout"}
#: What only takes a POST.
POSTED = {
    "logout",
    "approve",
    "rule_check",
    "rule_complete",
    "rule_preview",
    "rule_areas",
    "rule_leave",
    "tag_group",
    "tag_group_delete",
    "customer_mark",
    "sources_check",
    "source_accept",
    "segment_refresh",
    "segment_check",
    "segment_complete",
    "segment_preview",
    "suppress",
    "suppress_domain",
    "suppress_everywhere",
    "allow_domain",
    "contact_standing",
    "preference_move",
    "api_user_renew",
    "faultless",
    "campaign_look",
    "campaign_test",
    "campaign_copy",
    "campaign_send_go",
    "send_cancel",
}


def first(model: type) -> int:
    row = model.objects.order_by("pk").first()
    return row.pk if row else 1


def of_the_engine(named: str) -> object:
    """The id in the address of a page of the engine; None: it is not one."""
    lists = ContactList.objects.filter(kind=ListKind.LIST)
    rows = {
        "contact_import": Import.objects.all(),
        "letter": Message.objects.filter(letter__isnull=False),
        "text": TextMessage.objects.all(),
        "send_cancel": Send.objects.all(),
        "contact_list": lists,
        "segment_": ContactList.objects.filter(kind=ListKind.SEGMENT),
        "preference": Preference.objects.all(),
        "sign_up_form": Form.objects.all(),
        "data_field_": DataField.objects.exclude(name__in=BUILT_IN),
        "api_user": ApiUser.objects.all(),
        "api_call": ApiCall.objects.all(),
    }
    found = next((rows[stem] for stem in rows if named.startswith(stem)), None)
    if found is None:
        return None
    row = found.order_by("pk").first()
    named_by_chance = ("contact_import", "text", "send_cancel")
    return row.pk if row else uuid.UUID(int=0) if named.startswith(named_by_chance) else 1


def address(pattern: URLPattern) -> str:
    named = str(pattern.name)
    if named in ("run", "approve"):
        row = Run.objects.order_by("pk").first()
        return reverse(named, args=[row.sync_id, row.pk] if row else [1, 1])
    if named == "suppression_lift":
        return f"{reverse(named)}?address=customer5@example.com"
    if "<" not in str(pattern.pattern):
        return reverse(named)
    if named == "campaign_draft":
        drafts.put("0" * 32, "<p>Hello</p>")
        return reverse(named, args=["0" * 32])
    if number := of_the_engine(named):
        return reverse(named, args=[number])
    if named in ("define_new", "customer", "customer_mark"):
        return reverse(named, args=["auto_tag" if named == "define_new" else "1"])
    others = {
        "field": ComputedField,
        "field_delete": ComputedField,
        "tag_group_delete": TagGroup,
        "source_accept": Table,
    }
    if named in others:
        return reverse(named, args=[first(others[named])])
    models = {
        "audience": Audience,
        "sync": Run,
        "campaign": Campaign,
        "contact": Contact,
        "incident": Incident,
    }
    stem = str(pattern.pattern).split("/")[0].rstrip("s")
    model = {**models, "seed": Incident, "program": Program}[stem]
    return reverse(
        named, args=[first(model) if stem != "sync" else Run.objects.values_list("sync", flat=True)[0]]
    )


@pytest.fixture
def engine(shop: None) -> None:
    """The scene, with one of each of what the engine's pages show."""
    now, account = scene.NOW, Account.objects.get()
    create_list(account, "News", now)
    create_field(account, "SHOE_SIZE", "Numeric")
    topic = tree.create(account, tree.Draft("Jazz"), now)
    asked = Asked("SHOE_SIZE", required=True)
    news = ContactList.objects.get(name="News")
    form = Draft("News", news, "News", "Yes, please", fields=[asked], preferences=[topic.pk])
    edit.save(account, form, now)
    create_segment(account, "Known", "email is set", now)
    Import.objects.create(
        account=account, file_name="people.csv", content=b"", state="Finished", created_at=now
    )
    create_api_user(account, now, "integration", "correct horse 1")
    letters.send([(Letter(account=account, to=["ann@example.com"], text="Hi", created_at=now), ())], now)
    outbox.queue(account, [outbox.Draft("447123123123", "Hi")], now)
    ApiCall.objects.create(
        account=account, at=now, method="GET", path="/v2/server-time", status=200, milliseconds=1
    )


def test_it_asks_for_a_log_in_everywhere(house: None, client: Client) -> None:
    for pattern in urlpatterns:
        if pattern.name not in OPEN:
            answer = client.get(address(pattern))
            assert answer.status_code == 302, pattern.name
            assert answer["Location"].startswith("/login?next=")
            assert client.post(address(pattern)).status_code == 302


def test_it_answers_every_page(engine: None, page: Client) -> None:
    for pattern in urlpatterns:
        if pattern.name not in POSTED | {"login"}:
            answer = page.get(address(pattern))
            assert answer.status_code == 200, pattern.name
            assert "default-src" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "taught"),
    [
        ("/", "Nothing waits for you."),
        ("/audiences", "No audience yet."),
        ("/syncs", "No sync yet."),
        ("/programs", "No program yet."),
        ("/campaigns", "No campaigns yet."),
        ("/campaigns/letters", "No letter yet."),
        ("/campaigns/texts", "No text yet."),
        ("/contacts", "No contacts yet."),
        ("/seeds", "No seeds yet."),
        ("/sources", "No source yet."),
        ("/destinations", "No destination yet."),
        ("/events", "This is not built yet."),
    ],
)
def test_it_teaches_where_there_is_nothing(page: Client, path: str, taught: str) -> None:
    assert taught in page.get(path).content.decode()


@pytest.mark.parametrize("path", ["/audiences/9", "/syncs/9", "/programs/9", "/contacts/9", "/nowhere"])
def test_it_says_that_there_is_no_such_page(page: Client, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 404
    assert "There is no page here" in answer.content.decode()


def test_it_says_where_the_clock_of_a_demo_stands(page: Client) -> None:
    assert "Demo: the clock stands at 1 March 1998" in page.get("/settings").content.decode()


def test_it_counts_in_sets(shop: None, page: Client) -> None:
    """Twenty times as many people cost not one statement more."""
    paths = ["/", "/contacts", "/campaigns", f"/programs/{first(Program)}", f"/audiences/{first(Audience)}"]

    def statements() -> list[int]:
        counts = []
        for path in paths:
            with CaptureQueriesContext(connection) as asked:
                assert page.get(path).status_code == 200
            counts.append(len(asked))
        return counts

    statements()  # whatever is read once only
    before = statements()
    scene.crowd(1_200)
    assert statements() == before


def test_it_reloads_a_page_whose_log_in_ended_instead_of_filling_a_part(db: None, client: Client) -> None:
    answer = client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (200, "true")
    assert b"Password" not in answer.content


def test_it_gives_the_whole_page_when_htmx_goes_back(page: Client) -> None:
    going_back = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert b"<html" in page.get("/contacts", headers=going_back).content
    assert b"<html" not in page.get("/contacts", headers={"HX-Request": "true"}).content


def test_no_cache_keeps_a_page(page: Client) -> None:
    assert "no-store" in page.get("/contacts")["Cache-Control"]
