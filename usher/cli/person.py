"""`usher person`: all that the engine knows of one person, and forgetting them."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from usher.cli import house
from usher.cli.house import out

app = typer.Typer(help="What is known of one person: to hand it over, or to forget it.", no_args_is_help=True)

EMAIL = Annotated[str, typer.Argument(help="The e-mail address.")]


@app.callback()
def _person() -> None:
    pass


@app.command()
def export(
    email: EMAIL,
    file: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="The file to write; without it, print.")
    ] = None,
) -> None:
    """All that the engine knows of a person, of every account: fields, consents, mails, opens, notes."""
    house.open_house()
    from usher.engage import privacy
    from usher.engage.models import Account

    told = [privacy.export_address(account, email) for account in Account.objects.order_by("pk")]
    known = [one for one in told if one is not None]
    if not known:
        house.fail(f"the engine knows nothing of {email}")
    text = json.dumps(known, indent=2, ensure_ascii=False)
    if file is None:
        typer.echo(text)
        return
    file.touch(mode=0o600)
    file.write_text(text + "\n", "utf-8")
    out.print(f"Written to {file}.")


@app.command()
def erase(
    email: EMAIL,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Forget a person for good, in every account. Figures stay; the address is never mailed again."""
    house.open_house()
    from usher.engage import privacy
    from usher.engage.models import Account
    from usher.lib import clock

    if not yes:
        typer.confirm(f"Forget {email} for good? Nothing of it can be brought back.", abort=True, err=True)
    by = f"operator {getpass.getuser()}"
    gone = [privacy.erase_address(account, email, by, clock.now()) for account in Account.objects.all()]
    if not any(gone):
        house.fail(f"the engine knows nothing of {email}")
    out.print("Erased. Of the address a keyed digest is kept, so that it is not mailed when it comes again.")
