from __future__ import annotations

from django.test import Client


def test_an_event_is_refused_with_words_rather_than_lost() -> None:
    answer = Client().post("/v1/track", {"event": "Order Completed"}, content_type="application/json")
    assert answer.status_code == 501
    assert "does not accept events yet" in answer.json()["message"]
