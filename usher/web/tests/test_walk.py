"""Every address: closed without a log-in, answering with one, full and empty."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from usher.audiences.models import Audience
from usher.engage.models import Campaign, Contact, Program
from usher.seeds.models import Incident
from usher.syncs.models import Run
from usher.web.urls import urlpatterns

pytestmark = [pytest.mark.urls("usher.web.urls"), pytest.mark.django_db]

OPEN = {"login", "logout"}


def first(model: type) -> int:
    row = model.objects.order_by("pk").first()
    return row.pk if row else 1


def address(pattern: URLPattern) -> str:
    named = str(pattern.name)
    if named in ("run", "approve"):
        row = Run.objects.order_by("pk").first()
        return reverse(named, args=[row.sync_id, row.pk] if row else [1, 1])
    if "<int" not in str(pattern.pattern):
        return reverse(named)
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


def test_it_asks_for_a_log_in_everywhere(shop: None, client: Client) -> None:
    for pattern in urlpatterns:
        if pattern.name not in OPEN:
            answer = client.get(address(pattern))
            assert answer.status_code == 302, pattern.name
            assert answer["Location"].startswith("/login?next=")
            assert client.post(address(pattern)).status_code == 302


def test_it_answers_every_page(shop: None, page: Client) -> None:
    for pattern in urlpatterns:
        if pattern.name not in {"logout", "approve", "login"}:
            answer = page.get(address(pattern))
            assert answer.status_code == 200, pattern.name
            assert "default-src" in answer["Content-Security-Policy"]
