"""API users in definition files; their passwords stay in the environment."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import check_password
from pydantic import BaseModel, ConfigDict, SecretStr

from usher.engage import access
from usher.engage.models import ApiUser
from usher.engage.models.accounts import Permission, Scheme
from usher.lib.changes import Change, DefinitionError, written

KIND = "API user"


class ApiUserBody(BaseModel):
    """What a user may do; its password is needed once.

    `password_env` names the variable that holds it; a call sends the `password` itself.
    """

    model_config = ConfigDict(extra="forbid")

    permissions: list[Permission] = list(Permission)
    scheme: Scheme = Scheme.TIERED
    enabled: bool = True
    password_env: str | None = None
    password: SecretStr | None = None


SECTIONS: dict[str, type[BaseModel]] = {"api_users": ApiUserBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the user as `body` says; a password that is not given stays as it is."""
    assert isinstance(body, ApiUserBody), section
    had = ApiUser.objects.filter(username=name).first()
    password = body.password.get_secret_value() if body.password else _password(name, body.password_env)
    if had is None and password is None:
        said = "name the variable that holds the password"
        raise DefinitionError(KIND, name, "password_env", f"{said}, or send `password`")
    try:
        if had is None:
            account = access.default_account(now)
            access.create_api_user(account, now, name, password, body.permissions, body.scheme)
        changes = _changes(had, body, password) if had else {"enabled": body.enabled}
        if changes:
            access.change_api_user(name, **changes)
    except access.AccessError as problem:
        raise DefinitionError(KIND, name, "", str(problem)) from None
    return written(KIND, name, had is None, list(changes))


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every API user as its YAML body, without its password."""
    return {
        one.username: {"permissions": one.permissions, "scheme": one.scheme, "enabled": one.enabled}
        for one in ApiUser.objects.order_by("username")
    }


def _changes(had: ApiUser, body: ApiUserBody, password: str | None) -> dict[str, Any]:
    """What is to be changed of a user, by the names of `change_api_user`."""
    wanted = {"enabled": body.enabled, "scheme": body.scheme}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if getattr(had, name) != value}
    if set(had.permissions) != set(body.permissions):
        changes["permissions"] = body.permissions
    if password is not None and not check_password(password, had.password):
        changes["password"] = password
    return changes


def _password(name: str, variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise DefinitionError(KIND, name, "password_env", f"the environment has no variable {variable}")
    return os.environ[variable]
