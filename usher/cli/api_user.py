"""`usher api-user`: who may call the engine's API."""

from __future__ import annotations

from typing import Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

app = typer.Typer(
    help="Names and passwords with which programs call the Dotdigital API.", no_args_is_help=True
)

USER = Annotated[str, typer.Argument(help="The user name.")]
PERMISSIONS = Annotated[
    str | None, typer.Option(help="What it may do: read, write, send, with commas (default: all three).")
]
SCHEME = Annotated[
    str | None,
    typer.Option(help="How its calls are limited: tiered (by the minute), flat (by the hour) or none."),
]


@app.command()
def create(
    user: Annotated[
        str | None, typer.Option(help="The user name (default: a new apiuser-…@apiconnector.com).")
    ] = None,
    password: Annotated[str | None, typer.Option(help="The password (default: a new one).")] = None,
    permissions: PERMISSIONS = None,
    scheme: SCHEME = None,
    as_json: JSON = False,
) -> None:
    """Make an API user and print its password, this once."""
    house.open_house()
    from usher.engage import access
    from usher.engage.models.accounts import Permission, Scheme
    from usher.lib import clock

    now = clock.now()
    try:
        name, secret = access.create_api_user(
            access.default_account(now),
            now,
            user,
            password,
            _words(permissions) or tuple(Permission),
            access.scheme(scheme) if scheme else Scheme.TIERED,
        )
    except access.AccessError as problem:
        house.fail(str(problem))
    if as_json:
        house.as_json({"user": name, "password": secret})
    else:
        out.print(f"user      {name}\npassword  {secret}", markup=False)


@app.command("list")
def list_users(as_json: JSON = False) -> None:
    """Who may call the API, and what each may do."""
    house.open_house()
    from usher.engage.models import ApiUser

    rows = ApiUser.objects.order_by("username")
    users = list(rows.values("username", "enabled", "permissions", "scheme", "created_at"))
    if as_json:
        house.as_json(users)
    for user in [] if as_json else users:
        state = "enabled" if user["enabled"] else "disabled"
        may = ",".join(user["permissions"]) or "nothing"
        out.print(f"{user['username']}  {state}  {may}  {user['scheme']}  {user['created_at']:%Y-%m-%d}")


@app.command("set")
def change(
    user: USER,
    permissions: PERMISSIONS = None,
    scheme: SCHEME = None,
    password: Annotated[str | None, typer.Option(help="Another password.")] = None,
) -> None:
    """Change what a user may do, how its calls are limited, or its password, from its next call on."""
    if permissions is None and scheme is None and password is None:
        house.fail("say what to change: --permissions, --scheme or --password")
    house.open_house()
    from usher.engage import access

    try:
        access.change_api_user(
            user,
            permissions=None if permissions is None else _words(permissions),
            scheme=access.scheme(scheme) if scheme else None,
            password=password,
        )
    except access.AccessError as problem:
        house.fail(str(problem))
    out.print(f"{user} is changed.")


@app.command()
def enable(user: USER) -> None:
    """Let this user in again."""
    _switch(user, True)
    out.print(f"{user} is enabled.")


@app.command()
def disable(user: USER) -> None:
    """Refuse this user from now on."""
    _switch(user, False)
    out.print(f"{user} is disabled.")


def _switch(user: str, enabled: bool) -> None:
    house.open_house()
    from usher.engage import access

    try:
        access.change_api_user(user, enabled=enabled)
    except access.AccessError as problem:
        house.fail(f"{problem}. See: usher api-user list")


def _words(said: str | None) -> list[str]:
    return [word for word in (part.strip() for part in (said or "").split(",")) if word]
