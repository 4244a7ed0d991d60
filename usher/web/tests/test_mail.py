"""Campaigns and seeds: how mail was received, where a preview can do nothing, what seeds prove."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.models import Campaign, Contact
from usher.seeds.models import Expectation, Incident

pytestmark = pytest.mark.django_db


def test_it_counts_how_a_campaign_was_received(house: None, page: Client) -> None:
    campaign = Campaign.objects.get(name="We miss you")
    shown = " ".join(page.get(f"/campaigns/{campaign.pk}").content.decode().split())
    at = f"/campaigns/{campaign.pk}/people"
    assert f'<a href="{at}?did=sent">60</a>' in shown
    assert f'<a href="{at}?did=opened">20</a> · 33.3 %' in shown
    assert f'<a href="{at}?did=clicked">10</a> · 16.7 %' in shown


def test_it_does_not_count_seeds(house: None, page: Client) -> None:
    Contact.objects.filter(email_key="customer1@example.com").update(is_seed=True)
    campaign = Campaign.objects.get(name="We miss you")
    shown = page.get(f"/campaigns/{campaign.pk}").content.decode()
    assert 'did=sent">59</a>' in shown


def test_it_shows_a_mail_under_a_policy_that_forbids_everything(house: None, page: Client) -> None:
    answer = page.get(f"/campaigns/{Campaign.objects.get(name='We miss you').pk}/preview")
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "allow-scripts" not in policy


def test_it_allows_nothing_inline_on_pages(page: Client) -> None:
    answer = page.get("/")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert " style=" not in answer.content.decode()
    assert "<style" not in answer.content.decode()


def test_it_shows_seeds_as_a_matrix_with_delays(house: None, page: Client) -> None:
    shown = page.get("/seeds").content.decode()
    assert shown.count("3\u00a0min after due") == 7
    assert "missing" in shown
    assert "Failed at the relay" in shown
    assert '<td>9 Feb 1998, 07:07</td><td class="n">3.0</td>' in shown


def test_it_tells_an_incident_with_its_changes(house: None, page: Client) -> None:
    shown = page.get(f"/seeds/incidents/{Incident.objects.get().pk}").content.decode()
    assert "The relay at 127.0.0.1:2525 deferred the mail" in shown


def test_it_gathers_on_home_what_needs_somebody(house: None, page: Client) -> None:
    shown = page.get("/").content.decode()
    for said in (
        "Win back · “Your favourites are waiting” to a seed",
        "Sync “Usher sync” would remove 48 people",
        "12 people wait for mail",
        "It is tried again at 07:20",
        "12 mails may have arrived",
    ):
        assert said in shown, said


def test_it_shows_a_mail_as_one_person_gets_it(house: None, page: Client) -> None:
    campaign = Campaign.objects.get(name="We miss you")
    shown = page.get(f"/campaigns/{campaign.pk}", {"for": "CUSTOMER7@example.com"}).content.decode()
    assert "Subject “We miss you, Customer7@example.com”" in shown
    mail = page.get(f"/campaigns/{campaign.pk}/preview", {"for": "customer7@example.com"}).content.decode()
    assert "Hello Customer7@example.com" in mail


def test_it_shows_a_mail_for_somebody_without_data(house: None, page: Client) -> None:
    campaign = Campaign.objects.get(name="We miss you")
    shown = page.get(f"/campaigns/{campaign.pk}", {"for": "nobody@example.com"}).content.decode()
    assert "There is no contact nobody@example.com" in shown


def test_it_says_why_a_mail_cannot_be_made(house: None, page: Client) -> None:
    Campaign.objects.filter(name="We miss you").update(html="{% if %}")
    shown = page.get(f"/campaigns/{Campaign.objects.get(name='We miss you').pk}").content.decode()
    assert "The mail cannot be made for this person." in shown


def test_it_watches_mail_that_must_not_come_without_calling_it_due(house: None, page: Client) -> None:
    Expectation.objects.filter(verdict="missing").update(verdict="pending", must_arrive=False)
    shown = page.get("/seeds").content.decode()
    assert "watched" in shown
    assert "due now" not in shown
