"""Forms in definition files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from usher.engage.forms.definitions import FormBody, apply, export
from usher.engage.forms.tests.conftest import NOW
from usher.engage.models import Account, ContactList, Form, Preference
from usher.lib.changes import Change, DefinitionError

BODY: dict[str, Any] = {
    "list": "News",
    "title": "Music news",
    "consent": "I agree.",
    "fields": ["FIRSTNAME", {"field": "BORN", "label": "Date of birth", "required": True}],
    "preferences": ["Jazz"],
}


def put(**changes: Any) -> Change:
    body = FormBody.model_validate(BODY | changes)
    return apply("forms", "Jazz club", body, base_dir=Path(), by="test", now=NOW)


def test_a_form_is_made_changed_and_written_back(shop: Account, news: ContactList, jazz: Preference) -> None:
    assert put().action == "created"
    assert put().action == "unchanged"
    assert put(title="Other news", enabled=False).action == "updated"
    form = Form.objects.get()
    assert (form.slug, form.list, form.title, form.preferences) == (
        "jazz-club",
        news,
        "Other news",
        [jazz.pk],
    )
    written = export("forms")
    assert written == {
        "Jazz club": {
            "list": "News",
            "title": "Other news",
            "consent": "I agree.",
            "slug": "jazz-club",
            "fields": [
                {"field": "FIRSTNAME", "label": "First name", "required": False},
                {"field": "BORN", "label": "Date of birth", "required": True},
            ],
            "preferences": ["Jazz"],
            "enabled": False,
        }
    }
    assert put(**written["Jazz club"]).action == "unchanged"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"list": "Old"}, "there is no list “Old”"),
        ({"preferences": ["Rock"]}, "there is no preference “Rock”"),
        ({"fields": ["SHOE_SIZE"]}, "There is no data field 'SHOE_SIZE'."),
        ({"return_url": "javascript:alert(1)"}, "is no web address"),
        ({"slug": "a/b"}, "'a/b' is no address"),
    ],
)
def test_what_does_not_fit_is_said(
    shop: Account, news: ContactList, jazz: Preference, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError, match=said):
        put(**changes)
    assert not Form.objects.exists()
