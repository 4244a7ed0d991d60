from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from usher.destinations.definitions import SECTIONS, apply, export
from usher.destinations.models import Destination
from usher.lib.changes import Change, DefinitionError

pytestmark = pytest.mark.django_db
BODY = {
    "kind": "dotdigital",
    "url": "https://r2-api.dotdigital.com/",
    "username": "u",
    "password": "pa55word!",
}


def put(**body: Any) -> Change:
    checked = SECTIONS["destinations"].model_validate(body)
    return apply(
        "destinations", "main", checked, base_dir=Path(), by="t", now=datetime(2026, 1, 1, tzinfo=UTC)
    )


def test_it_is_made_once_and_its_secret_is_sealed() -> None:
    assert str(put(**BODY)) == "created destination “main” (kind, url, username, password, secret_env)"
    assert put(**BODY).action == "unchanged"
    one = Destination.objects.get()
    assert one.settings == {"url": "https://r2-api.dotdigital.com", "username": "u"}
    assert "pa55word" not in one.secret
    assert one.secrets == {"password": "pa55word!"}


def test_a_new_password_is_a_change_and_none_keeps_the_old() -> None:
    put(**BODY)
    assert put(**(BODY | {"password": "another1"})).fields == ("password",)
    assert put(**{key: value for key, value in BODY.items() if key != "password"}).action == "unchanged"


def test_a_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOTDIGITAL_PASSWORD", "from outside")
    body = {key: value for key, value in BODY.items() if key != "password"}
    put(**body, password_env="DOTDIGITAL_PASSWORD")
    assert Destination.objects.get().secrets == {"password": "from outside"}
    assert export("destinations") == {
        "main": {
            "kind": "dotdigital",
            "url": "https://r2-api.dotdigital.com",
            "username": "u",
            "password_env": "DOTDIGITAL_PASSWORD",
        }
    }
    assert put(**export("destinations")["main"]).action == "unchanged"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "dotdigitl"}, "kind"),
        ({"url": "r1-api.dotdigital.com"}, "url"),
        ({"url": "https://me:secret@x.io"}, "url"),
        ({"username": ""}, "username"),
        ({"colour": "red"}, "colour"),
        ({"password_env": "NOT_SET_ANYWHERE"}, "password_env"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, str], field: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        put(**(BODY | change))
    assert caught.value.field == field
    assert "secret" not in str(caught.value)
    assert not Destination.objects.exists()
