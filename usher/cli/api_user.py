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


@app.command()
def create(
    user: Annotated[
        str | None, typer.Option(help="The user name (default: a new apiuser-…@apiconnector.com).")
    ] = None,
    password: Annotated[str | None, typer.Option(help="The password (default: a new one).")] = None,
    as_json: JSON = False,
) -> None:
    """Make an API user and print its password, this once."""
    house.open_house()
    from usher.engage import access
    from usher.lib import clock

    now = clock.now()
    try:
        name, secret = access.create_api_user(access.default_account(now), now, user, password)
    except access.AccessError as problem:
        house.fail(str(problem))
    if as_json:
        house.as_json({"user": name, "password": secret})
    else:
        out.print(f"user      {name}\npassword  {secret}")


@app.command("list")
def list_users(as_json: JSON = False) -> None:
    """Who may call the API."""
    house.open_house()
    from usher.engage.models import ApiUser

    users = list(ApiUser.objects.order_by("username").values("username", "enabled", "created_at"))
    if as_json:
        house.as_json(users)
    for user in [] if as_json else users:
        state = "enabled" if user["enabled"] else "disabled"
        out.print(f"{user['username']}  {state}  {user['created_at']:%Y-%m-%d}")


@app.command()
def disable(user: Annotated[str, typer.Argument(help="The user name.")]) -> None:
    """Refuse this user from now on."""
    house.open_house()
    from usher.engage.models import ApiUser

    if not ApiUser.objects.filter(username=user).update(enabled=False):
        house.fail(f"there is no API user {user}. See: usher api-user list")
    out.print(f"{user} is disabled.")
