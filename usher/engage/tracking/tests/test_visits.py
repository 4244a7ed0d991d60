"""Pages of the account's own sites are told of by whoever came there from a mail, and by nobody else."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from usher.engage.content import tokens
from usher.engage.models import Account, Link, Message, PageView
from usher.engage.tracking.tests.test_views import click_path, message

__all__ = ["message"]

pytestmark = pytest.mark.django_db


def landed(client: Client, message: Message) -> str:
    return str(client.get(click_path(message))["Location"])


@pytest.mark.parametrize("site", ["shop.example", "SHOP.example", "example"])
def test_a_click_to_an_own_site_carries_a_mark(client: Client, message: Message, site: str) -> None:
    Account.objects.update(tracked_sites=[site])
    where = urlsplit(landed(client, message))
    (mark,) = parse_qs(where.query)["usher_visit"]
    assert where.query.startswith("a=1&b=2&")
    assert client.get(f"/t/v/{mark}.gif", {"url": "https://www.shop.example/söng?a=1"}).status_code == 200
    view = PageView.objects.get()
    assert (view.message, view.url) == (message, "https://www.shop.example/söng?a=1")


def test_links_elsewhere_stay_as_they_are(client: Client, message: Message) -> None:
    for sites in ([], ["other.example"], ["op.example"]):
        Account.objects.update(tracked_sites=sites)
        assert "usher_visit" not in landed(client, message)
    Account.objects.update(tracked_sites=["shop.example"])
    Link.objects.update(url="https://shop.example@evil.example/")
    assert "usher_visit" not in landed(client, message)
    Link.objects.update(url="https://shop.example/a#b")
    assert landed(client, message).endswith("#b")


@pytest.mark.parametrize("url", ["", "https://evil.example/", "javascript:alert(1)", "https://[", "x"])
def test_other_pages_are_not_written_down(client: Client, message: Message, url: str) -> None:
    Account.objects.update(tracked_sites=["shop.example"])
    mark = tokens.signed("visit", message.pk)
    assert client.get(f"/t/v/{mark}.gif", {"url": url}).status_code == 200
    assert client.head(f"/t/v/{mark}.gif", {"url": "https://shop.example/"}).status_code == 200
    assert not PageView.objects.exists()


def test_a_forged_mark_is_nothing(client: Client, message: Message) -> None:
    Account.objects.update(tracked_sites=["shop.example"])
    for token in ("x", tokens.signed("open", message.pk), tokens.signed("visit", message.pk + 1)):
        client.get(f"/t/v/{token}.gif", {"url": "https://shop.example/"})
    assert not PageView.objects.exists()


def test_the_script_names_this_installation(client: Client) -> None:
    answer = client.get("/t/site.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"/t/v/" in answer.content
    assert b"%(" not in answer.content
