"""Campaigns and seeds: how mail was received, where a preview can do nothing, what seeds prove."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.models import Campaign, Contact
from usher.seeds.models import Incident

pytestmark = pytest.mark.django_db


def test_it_counts_how_a_campaign_was_received(house: None, page: Client) -> None:
    campaign = Campaign.objects.get(name="We miss you")
    shown = " ".join(page.get(f"/campaigns/{campaign.pk}").content.decode().split())
    assert '<td class="num">60</td>' in shown
    assert '<td class="num">20 · 33.3 %</td>' in shown
    assert '<td class="num">10 · 16.7 %</td>' in shown


def test_it_does_not_count_seeds(house: None, page: Client) -> None:
    Contact.objects.filter(email_key="customer1@example.com").update(is_seed=True)
    campaign = Campaign.objects.get(name="We miss you")
    shown = page.get(f"/campaigns/{campaign.pk}").content.decode()
    assert '<td class="num">59</td>' in shown


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
    assert shown.count("3 min after due") == 7
    assert "missing" in shown
    assert "Failed at the relay" in shown


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
