from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from usher.engage import definitions
from usher.engage.access import authenticate, create_api_user
from usher.engage.models import Account, ApiUser
from usher.engage.tests.conftest import NOW
from usher.lib.changes import Change, DefinitionError

pytestmark = pytest.mark.django_db


def apply(name: str, **body: Any) -> Change:
    model = definitions.SECTIONS["api_users"].model_validate(body)
    return definitions.apply("api_users", name, model, base_dir=Path(), by="anna", now=NOW)


def gets_in(name: str, password: str) -> bool:
    header = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
    return authenticate(header, NOW) is not None


def test_a_user_is_made_and_changed_by_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct horse 1")
    assert apply("shop", password_env="SHOP_PASSWORD", permissions=["read"]).action == "created"
    assert gets_in("shop", "correct horse 1")
    assert apply("shop", password_env="SHOP_PASSWORD", permissions=["read"]).action == "unchanged"
    changed = apply("shop", permissions=["write", "read"], scheme="flat")
    assert str(changed) == "updated API user “shop” (scheme, permissions)"
    assert definitions.export("api_users") == {
        "shop": {"permissions": ["read", "write"], "scheme": "flat", "enabled": True}
    }
    monkeypatch.setenv("SHOP_PASSWORD", "another one 2")
    apply("shop", password_env="SHOP_PASSWORD", permissions=["write", "read"], scheme="flat")
    assert gets_in("shop", "another one 2")
    assert not gets_in("shop", "correct horse 1")
    apply("shop", enabled=False)
    assert not gets_in("shop", "another one 2")


def test_a_user_that_cannot_be_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DefinitionError, match="name the variable that holds the password"):
        apply("shop")
    with pytest.raises(DefinitionError, match="the environment has no variable SHOP_PASSWORD"):
        apply("shop", password_env="SHOP_PASSWORD")
    monkeypatch.setenv("SHOP_PASSWORD", "weak")
    with pytest.raises(DefinitionError, match="ERROR_WEAK_PASSWORD"):
        apply("shop", password_env="SHOP_PASSWORD")
    assert not ApiUser.objects.exists()


def test_a_password_of_chance_is_always_taken(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "onlyLetters")
    name, password = create_api_user(account, NOW)
    assert (password[:-1], password[-1].isdigit()) == ("onlyLetters", True)
    assert ApiUser.objects.get().username == name
