"""Destinations in definition files: the shape of their YAML, applying it, writing it out again."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from usher.destinations.kinds import KINDS
from usher.destinations.models import Destination
from usher.lib.changes import Change, DefinitionError, written

KIND = "destination"
#: `password_env: NAME` reads the password from the environment variable NAME.
ENV = "_env"


class DestinationBody(BaseModel):
    """The kind, and the fields of that kind's own form; a secret may be given as `<field>_env` instead."""

    model_config = ConfigDict(extra="allow")

    kind: str

    @property
    def form(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


SECTIONS: dict[str, type[BaseModel]] = {"destinations": DestinationBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the destination as `body` says; a secret that is not given stays as it is."""
    assert isinstance(body, DestinationBody), section
    had = Destination.objects.filter(name=name).first()
    one = had or Destination(name=name)
    before = _state(one) if had else {}
    _fill(one, body)
    changed = [field for field, value in _state(one).items() if before.get(field) != value]
    if changed:
        one.save()
    return written(KIND, name, had is None, changed)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every destination as its YAML body, without its secrets."""
    return {
        one.name: {
            "kind": one.kind,
            **one.settings,
            **{field + ENV: variable for field, variable in one.secret_env.items()},
        }
        for one in Destination.objects.all()
    }


def _fill(one: Destination, body: DestinationBody) -> None:
    if body.kind not in KINDS:
        near = difflib.get_close_matches(body.kind, KINDS, 1) or list(KINDS)
        raise DefinitionError(KIND, one.name, "kind", f"there is no kind {body.kind!r}; write {near[0]}")
    form = KINDS[body.kind].Settings
    secret_fields = [name for name, field in form.model_fields.items() if field.annotation is SecretStr]
    kept = one.secrets if one.kind == body.kind else {}
    from_env = {name: body.form[name + ENV] for name in secret_fields if name + ENV in body.form}
    given = {name: value for name, value in body.form.items() if name.removesuffix(ENV) not in from_env}
    read = {name: _environment(one.name, name, variable) for name, variable in from_env.items()}
    checked = _checked(one.name, form, {**kept, **given, **read})
    secrets = {name: getattr(checked, name).get_secret_value() for name in secret_fields}
    one.kind, one.secret_env = body.kind, from_env
    one.settings = checked.model_dump(mode="json", exclude=set(secret_fields), exclude_none=True)
    if secrets != one.secrets:
        one.seal(secrets)


def _checked(name: str, form: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    try:
        return form.model_validate(values)
    except ValidationError as problem:
        error = problem.errors(include_input=False)[0]
        field = ".".join(str(part) for part in error["loc"])
        raise DefinitionError(KIND, name, field, error["msg"].removeprefix("Value error, ")) from None


def _environment(name: str, field: str, variable: object) -> str:
    value = os.environ.get(str(variable), "")
    if not value:
        raise DefinitionError(KIND, name, field + ENV, f"the environment variable {variable} is not set")
    return value


def _state(one: Destination) -> dict[str, Any]:
    return {"kind": one.kind, **one.settings, **one.secrets, "secret_env": one.secret_env}
