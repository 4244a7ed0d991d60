"""`usher campaigns`: what there is, send one, stop a send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from usher.engage.models import Campaign

app = typer.Typer(help="The campaigns of Usher's own engine.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The campaign's name, or its id.")]
LARGEST_ID = 2**63 - 1


def _campaign(name: str) -> Campaign:
    from usher.engage.models import Campaign

    rows = Campaign.objects.select_related("account").order_by("pk")
    found = list(rows.filter(name__iexact=name))
    if not found and name.isascii() and name.isdecimal():
        found = list(rows.filter(pk=min(int(name), LARGEST_ID)))
    if not found:
        house.fail(f"there is no campaign “{name}”. See: usher campaigns list")
    if len(found) > 1:
        ids = ", ".join(str(one.pk) for one in found)
        house.fail(f"several campaigns are called “{name}”; name one by its id: {ids}")
    return found[0]


@app.command("list")
def list_campaigns(as_json: JSON = False) -> None:
    """Every campaign, its state, and when a mail of it was last sent."""
    house.open_house()
    from usher.engage.models import Campaign
    from usher.engage.reports import sent

    rows = list(Campaign.objects.order_by("name").values("id", "name", "status"))
    last = sent.last([row["id"] for row in rows])
    if as_json:
        house.as_json([row | {"last_sent_at": last.get(row["id"])} for row in rows])
        return
    for row in rows:
        when = f"  last sent {house.when(last[row['id']])}" if row["id"] in last else ""
        out.print(f"{row['id']}  {row['name']}  {row['status']}{when}")
    if last:
        house.say_zone()


@app.command()
def send(
    name: Name,
    to: Annotated[list[str], typer.Option("--to", help="A list or segment; may be said several times.")],
    at: Annotated[str | None, typer.Option(help="When: an ISO moment. Now, if nothing is said.")] = None,
    optimised: Annotated[
        bool, typer.Option("--optimised", help="Within a day, to each at the hour of most opens.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send a campaign to everybody on lists and in segments who may be mailed; says how many, and asks."""
    house.open_house()
    from usher.engage.campaigns import recipients, tasks
    from usher.engage.campaigns import send as sends
    from usher.engage.errors import EngageError
    from usher.lib import clock

    campaign = _campaign(name)
    lists = _lists(campaign, to)
    moment = house.moment(at) if at else None
    try:
        recipients.refresh_segments(lists, clock.now())
    except EngageError as problem:
        house.fail(problem.message)
    count = recipients.outlook(campaign, lists).mailed
    when = f"at {house.when(moment)} ({house.zone().key})" if moment else "now"
    if not yes:
        typer.confirm(f"Mail “{campaign.name}” to {count:,} customers {when}?", abort=True)
    try:
        asked = sends.ask(campaign, clock.now(), lists=lists, at=moment, optimised=optimised)
    except EngageError as problem:
        house.fail(problem.message)
    tasks.hand_on()
    out.print(
        f"{campaign.name} goes to {count:,} customers {when}. To stop it: usher campaigns cancel {asked.pk}"
    )


def _lists(campaign: Campaign, names: Sequence[str]) -> list[int]:
    from usher.engage.models import ContactList

    found = []
    for name in names:
        row = ContactList.objects.filter(account=campaign.account, name__iexact=name).first()
        if row is None:
            house.fail(f"there is no list or segment “{name}”")
        found.append(row.pk)
    return found


@app.command()
def cancel(
    number: Annotated[str, typer.Argument(help="The send, as `usher campaigns send` named it.")],
) -> None:
    """Stop a send. What the relay has is gone; the rest stays here."""
    house.open_house()
    from uuid import UUID

    from usher.engage.campaigns import send as sends
    from usher.engage.models import Send
    from usher.lib import clock

    try:
        found = Send.objects.select_related("campaign").filter(pk=UUID(number)).first()
    except ValueError:
        found = None
    if found is None:
        house.fail(f"there is no send {number}")
    if not sends.cancel(found, clock.now()):
        house.fail(f"the send of {found.campaign.name} has ended already")
    out.print(f"The send of {found.campaign.name} is cancelled.")
