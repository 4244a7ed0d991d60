"""`usher suppress`: who must not be mailed, and letting somebody back in."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

app = typer.Typer(help="Who must not be mailed, whoever asks.", no_args_is_help=True)
Addresses = Annotated[list[str], typer.Argument(help="The addresses.")]
Because = Annotated[str, typer.Option("--because", help="Why: it is kept.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_suppressed(
    search: Annotated[str, typer.Option(help="The beginning of addresses.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest first.")] = 50,
    as_json: JSON = False,
) -> None:
    """Addresses that must not be mailed, since when and why; and the domains."""
    house.open_house()
    from usher.engage import access
    from usher.engage.models import SuppressedDomain, Suppression
    from usher.lib import clock

    account = access.default_account(clock.now())
    rows = Suppression.objects.filter(account=account, lifted_at=None, email_key__startswith=search.lower())
    found = list(rows.order_by("-pk")[:limit])
    domains = list(SuppressedDomain.objects.filter(account=account).order_by("domain"))
    if as_json:
        told = ("email_key", "reason", "at", "source")
        shown = [{name: getattr(row, name) for name in told} for row in found]
        house.as_json({"suppressed": shown, "domains": [row.domain for row in domains]})
        return
    for row in found:
        out.print(f"{row.email_key}  {row.reason} since {house.when(row.at)}  {row.source}")
    for domain in domains:
        out.print(f"everybody at {domain.domain}  since {house.when(domain.at)}")
    house.say_zone()


@app.command()
def address(addresses: Addresses, because: Because) -> None:
    """Suppress addresses, known or not. Who asks for it can be let back in."""
    house.open_house()
    from usher.engage import access, audit
    from usher.engage.contacts import suppress
    from usher.engage.errors import EngageError
    from usher.engage.models.contacts import Status
    from usher.lib import clock

    now = clock.now()
    account = access.default_account(now)
    try:
        keys = suppress.keys_of(addresses)
    except EngageError as problem:
        house.fail(problem.message)
    with audit.signed(account, _by(), now):
        suppress.suppress(account, keys, Status.SUPPRESSED, _source(because), now)
    out.print(f"Suppressed: {len(keys):,}.")


@app.command()
def domain(
    name: Annotated[str, typer.Argument(help="The domain: example.com")], because: Because, yes: Yes = False
) -> None:
    """Suppress everybody at a domain for good, those to come too; says how many, and asks."""
    house.open_house()
    from usher.engage import access, audit
    from usher.engage.contacts import suppress
    from usher.engage.errors import EngageError
    from usher.lib import clock

    now = clock.now()
    account = access.default_account(now)
    try:
        found = suppress.domain_of(name)
    except EngageError as problem:
        house.fail(problem.message)
    if not yes:
        number = suppress.open_contacts(account, found)
        typer.confirm(f"Suppress {number:,} contacts at {found}, and all to come?", abort=True, err=True)
    changed = suppress.suppress_domain(account, found, now, _source(because))
    audit.note(account, _by(), "suppressed domain", found, "create", now)
    out.print(f"{found} is suppressed; contacts that changed: {changed:,}.")


@app.command("allow-domain")
def allow_domain(name: Annotated[str, typer.Argument(help="The domain: example.com")]) -> None:
    """Take new addresses of a domain again. Who is suppressed stays so."""
    house.open_house()
    from usher.engage import access, audit
    from usher.engage.contacts import suppress
    from usher.lib import clock

    now = clock.now()
    account = access.default_account(now)
    with audit.signed(account, _by(), now):
        there = suppress.allow_domain(account, name)
    if not there:
        house.fail(f"the domain {name} is not suppressed")
    out.print(f"Addresses of {name} may be added again. Who is suppressed stays so.")


@app.command()
def everywhere(addresses: Addresses, because: Because, yes: Yes = False) -> None:
    """Suppress addresses in every account and for good; says how many contacts that is, and asks."""
    house.open_house()
    from usher.engage import access, audit
    from usher.engage.contacts import suppress
    from usher.engage.errors import EngageError
    from usher.lib import clock

    now = clock.now()
    try:
        keys = suppress.keys_of(addresses)
    except EngageError as problem:
        house.fail(problem.message)
    if not yes:
        number = suppress.known_contacts(keys)
        asked = f"Suppress {len(keys):,} addresses ({number:,} contacts) in every account and for good?"
        typer.confirm(asked, abort=True, err=True)
    with audit.signed(access.default_account(now), _by(), now):
        suppress.suppress_everywhere(keys, now, _source(because))
    out.print(f"Suppressed everywhere and for good: {len(keys):,}.")


@app.command()
def lift(email: Annotated[str, typer.Argument(help="The address.")], because: Because) -> None:
    """Let an address back in whose owner asked for it, contact or not; never out of a complaint."""
    house.open_house()
    from usher.engage import access, audit
    from usher.engage.contacts import suppress
    from usher.lib import addresses, clock

    now, key = clock.now(), addresses.key(email.strip())
    account = access.default_account(now)
    row = suppress.suppression_of(account, key)
    if row is None:
        house.fail(f"{email} is not suppressed")
    with audit.signed(account, _by(), now):
        lifted = suppress.lift(account, key, now)
        if lifted:
            audit.note(account, _by(), "suppression", key, "lift", now, after={"because": _source(because)})
    if not lifted:
        house.fail(f"{email} stays out: {row.reason}, or its domain is suppressed; that is never lifted")
    out.print(f"{email} may be mailed again.")


def _by() -> str:
    return f"operator {getpass.getuser()}"


def _source(because: str) -> str:
    """Who did it and why, as it is kept."""
    if not because.strip():
        house.fail("--because: say why; it is kept")
    return f"{_by()}: {because.strip()}"
