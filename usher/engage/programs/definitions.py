"""Programs in definition files: the shape of their YAML, applying it, writing it out again."""

from __future__ import annotations

import re
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.engage.campaigns.definitions import account_for
from usher.engage.contacts.people import People
from usher.engage.models import Account, Campaign, Program, ProgramVersion
from usher.engage.models.campaigns import CampaignStatus
from usher.engage.models.programs import ProgramStatus
from usher.engage.programs.graph import Exit, Graph, GraphError, Send, Start, dump, parse
from usher.engage.programs.outline import Step, nodes_of, steps_of
from usher.engage.programs.versions import current, graph_of
from usher.lib.changes import Change, DefinitionError, written
from usher.lib.schedule import ScheduleError, cron

KIND = "program"
_LIMIT = re.compile(r"once(?: in (\d{1,5}) days?)?\Z")


class StartBody(BaseModel):
    """When people are looked for, which, and how often one may enter; empty: only joins and requests."""

    model_config = ConfigDict(extra="forbid")

    every_day_at: str | None = None
    schedule: str | None = None
    rule: str | None = None
    limit: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.every_day_at and self.schedule:
            raise ValueError("say either `every_day_at` or `schedule`")
        if bool(self.line()) != bool(self.rule):
            raise ValueError("a time and a `rule` belong together: when people are looked for, and who")
        if self.limit and not _LIMIT.match(self.limit):
            raise ValueError("a limit is `once`, or `once in 365 days`")
        return self

    def line(self) -> str | None:
        """The cron line. ValueError."""
        text = self.every_day_at or self.schedule
        try:
            return cron(text) if text else None
        except ScheduleError as error:
            raise ValueError(str(error)) from None

    def once_in_days(self) -> int | None:
        found = _LIMIT.match(self.limit) if self.limit else None
        return int(found[1] or 0) if found else None


class ProgramBody(BaseModel):
    """A start, the exits that are looked at before every move, and the steps."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "draft"] = "active"
    start: StartBody = Field(default_factory=StartBody)
    exits: dict[str, str] = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1)


SECTIONS: dict[str, type[BaseModel]] = {"programs": ProgramBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the program as `body` says. Changed steps become a new version; those inside keep theirs.

    A draft that is defined as active begins. One that was paused stays paused: that was a person's decision.
    """
    assert isinstance(body, ProgramBody), section
    account = account_for(KIND, name)
    graph = _graph(name, body)
    if problems := _problems(graph, account):
        raise DefinitionError(KIND, name, "", "; ".join(problems))
    with transaction.atomic():
        program, created = Program.objects.get_or_create(
            account=account, name__iexact=name, defaults={"name": name, "created_at": now}
        )
        changed = ["steps"] if _write_version(program, graph, now) and not created else []
        wanted = _status(program, body)
        if program.status != wanted:
            program.status = wanted
            program.save(update_fields=["status"])
            changed.append("status")
    return written(KIND, name, created, changed)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every program of the oldest account as its YAML body."""
    account = Account.objects.order_by("pk").first()
    found = {}
    for program in Program.objects.filter(account=account).order_by("name"):
        if version := current(program):
            found[program.name] = _exported(program, graph_of(version))
    return found


def _graph(name: str, body: ProgramBody) -> Graph:
    first, nodes = nodes_of(body.steps)
    start = Start(first, body.start.line(), body.start.rule, body.start.once_in_days())
    exits = tuple(Exit(exit, rule) for exit, rule in body.exits.items())
    try:
        return parse(dump(Graph(start, nodes, exits)))
    except GraphError as error:
        raise DefinitionError(KIND, name, "steps", str(error)) from None


def _problems(graph: Graph, account: Account) -> list[str]:
    """What of the graph does not fit the account: rules, campaigns."""
    people = People.of(account)
    found = [f"{where}: {problem}" for where, rule in graph.rules() for problem in people.problems(rule)]
    rows = Campaign.objects.filter(account=account).order_by("pk").values_list("name", "status")
    campaigns = dict(sorted(rows, key=lambda row: row[1] == CampaignStatus.TRIGGERED))
    known = {name.lower(): status for name, status in campaigns.items()}
    for key, node in graph.nodes.items():
        if isinstance(node, Send) and known.get(node.campaign.lower()) != CampaignStatus.TRIGGERED:
            found.append(f"{key}: {_campaign_problem(node.campaign, campaigns)}")
    return found


def _campaign_problem(name: str, campaigns: dict[str, str]) -> str:
    if name in campaigns:
        return f"the campaign “{name}” is not a triggered one"
    near = get_close_matches(name, campaigns, 1)
    return f"there is no campaign “{name}”" + (f"; did you mean “{near[0]}”?" if near else "")


def _write_version(program: Program, graph: Graph, now: datetime) -> bool:
    """Answers whether the graph is new."""
    version = current(program)
    if version and version.graph == dump(graph):
        return False
    number = version.number + 1 if version else 1
    ProgramVersion.objects.create(program=program, number=number, graph=dump(graph), created_at=now)
    return True


def _status(program: Program, body: ProgramBody) -> str:
    if body.status == "active":
        return ProgramStatus.ACTIVE if program.status == ProgramStatus.DRAFT else program.status
    if program.status != ProgramStatus.ACTIVE:
        return program.status
    # a program that has enrolled somebody is never a draft again
    return ProgramStatus.DEACTIVATED if program.enrolments.exists() else ProgramStatus.DRAFT


def _exported(program: Program, graph: Graph) -> dict[str, Any]:
    start = graph.start
    limit = {None: None, 0: "once"}.get(start.once_in_days, f"once in {start.once_in_days} days")
    begin = {"schedule": start.schedule, "rule": start.rule, "limit": limit}
    body: dict[str, Any] = {"status": "draft" if program.status == ProgramStatus.DRAFT else "active"}
    body["start"] = {name: value for name, value in begin.items() if value}
    if graph.exits:
        body["exits"] = {one.name: one.rule for one in graph.exits}
    return body | {"steps": steps_of(graph)}
