"""All commands, hung up in one place. Each opens the house (database, Django) only when it runs."""

from __future__ import annotations

import typer

from usher import __version__
from usher.cli import (
    api_user,
    campaigns,
    changes,
    contacts,
    definitions,
    demo,
    doctor,
    evaluation,
    lists,
    making,
    person,
    programs,
    rules,
    sandbox,
    seeds,
    serve,
    sources,
    spotler_key,
    suppress,
    sync,
    tags,
)

app = typer.Typer(
    name="usher",
    help="Find the audiences in your customer data, take each to the platform that mails it, "
    "run the programs, and prove that the mail landed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"usher {__version__}")
        raise typer.Exit


@app.callback()
def _usher(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version."
    ),
) -> None:
    pass


RUN = "Run it"
DEFINE = "Define and look"

app.command("demo", rich_help_panel=RUN)(demo.demo)
app.command("up", rich_help_panel=RUN)(serve.up)
app.command("web", rich_help_panel=RUN)(serve.web)
app.command("worker", rich_help_panel=RUN)(serve.worker)
app.command("sink", rich_help_panel=RUN)(serve.sink)
app.command("migrate", rich_help_panel=RUN)(serve.migrate)
app.command("doctor", rich_help_panel=RUN)(doctor.doctor)
app.command("apply", rich_help_panel=DEFINE)(definitions.apply)
app.command("export", rich_help_panel=DEFINE)(definitions.export)
app.add_typer(sources.app, name="sources", rich_help_panel=DEFINE)
lists.app.command("evaluate")(evaluation.evaluate)
lists.app.command("changes")(changes.changes)
tags.app.command("create")(making.create)
tags.app.command("create-group")(making.create_group)
lists.app.command("create")(making.create_audience)
app.add_typer(lists.app, name="audiences", rich_help_panel=DEFINE)
app.add_typer(tags.app, name="tags", rich_help_panel=DEFINE)
app.add_typer(rules.app, name="rules", rich_help_panel=DEFINE)
app.add_typer(sync.app, name="sync", rich_help_panel=DEFINE)
app.add_typer(campaigns.app, name="campaigns", rich_help_panel=DEFINE)
app.add_typer(programs.app, name="programs", rich_help_panel=DEFINE)
app.add_typer(contacts.app, name="contacts", rich_help_panel=DEFINE)
app.add_typer(person.app, name="person", rich_help_panel=DEFINE)
app.add_typer(suppress.app, name="suppress", rich_help_panel=DEFINE)
app.add_typer(seeds.app, name="seeds", rich_help_panel=DEFINE)
app.add_typer(api_user.app, name="api-user", rich_help_panel=DEFINE)
app.add_typer(spotler_key.app, name="spotler-key", rich_help_panel=DEFINE)
app.add_typer(sandbox.app, name="sandbox", rich_help_panel=DEFINE)
