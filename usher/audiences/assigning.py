"""Put people into an audience, or take them out, by what a list says of them: told first, then done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from usher.audiences import matching, sheets, tagging
from usher.audiences.frozen import published_keys
from usher.audiences.matching import Match, Place, Word
from usher.audiences.models import Audience
from usher.audiences.rulebook import titled
from usher.audiences.tagging import Replaced

Action = Literal["add", "remove", "replace"]


@dataclass(frozen=True)
class Who:
    """Who does it, when, how (user, import, api), and of what it is a part."""

    by: str
    at: datetime
    cause: str
    origin: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a list: entries read = matched + doubled + unknown + ambiguous + bad.

    `matched` counts customers; of the members added + same (or removed + same, when taken out) were meant.
    """

    action: Action
    dry_run: bool
    read: int
    matched: int
    added: int
    removed: int
    #: Already as asked: in it before they were added, or not in it before they were removed.
    same: int
    unknown: int
    ambiguous: int
    bad: int
    #: Entries that mean a customer once more.
    doubled: int
    #: Row, value and reason of the first entries that were not matched.
    places: tuple[Place, ...]
    #: Why unknown keys could not be told; empty when they could.
    problem: str = ""
    #: Of a file: the column that said who they are, and whether it holds keys or addresses.
    column: str = ""
    match: str = ""


def assign(
    audience: Audience,
    words: Iterable[Word],
    who: Who,
    *,
    action: Action = "add",
    dry_run: bool = False,
    confirmed: bool = False,
) -> Outcome:
    """Add, remove, or make the members exactly, those whom the words mean; AudienceError, SourceError.

    NotConfirmedError where members replaced by others would mostly, or all, be taken out, unless `confirmed`.

    Keys that no customer has are kept by an external audience alone: its customers may come later. Whoever
    is no customer any more can still be taken out.
    """
    tagging.demand_by_hand(audience)
    external = audience.kind == Audience.Kind.EXTERNAL
    with matching.match(words, need_customers=not external) as found:
        kept = external or action == "remove"
        if dry_run:
            counts = _foreseen(audience, found, action, kept)
        else:
            counts = _done(audience, found, action, kept, who, confirmed)
        return Outcome(
            action=action,
            dry_run=dry_run,
            read=found.read,
            matched=found.matched,
            added=counts.added,
            removed=counts.removed,
            same=counts.same,
            unknown=found.unknown,
            ambiguous=found.ambiguous,
            bad=found.bad,
            doubled=found.doubled,
            places=found.places,
            problem=found.problem,
        )


def assign_sheet(
    audience: Audience,
    path: Path,
    who: Who,
    *,
    action: Action = "add",
    column: str = "",
    match: sheets.Match | None = None,
    name: str = "",
    dry_run: bool = False,
    confirmed: bool = False,
) -> Outcome:
    """The same by a CSV file, matched on the customers' key or e-mail address; `name` is the file's."""
    with sheets.opened(path, column=column, match=match, name=name) as sheet:
        who = replace(who, origin=who.origin or sheet.file)
        done = assign(audience, sheet.words, who, action=action, dry_run=dry_run, confirmed=confirmed)
        return replace(done, column=sheet.column.name, match=sheet.column.match)


def assign_members(
    audience: Audience,
    other: Audience,
    who: Who,
    *,
    action: Action = "add",
    dry_run: bool = False,
    confirmed: bool = False,
) -> Outcome:
    """Add (remove, put in) every member of another audience as last published; NotEvaluatedError."""
    tagging.demand_by_hand(audience)
    who = replace(who, origin=who.origin or titled(other))
    words = (Word(row, key, "key") for row, key in enumerate(published_keys(other), start=1))
    return assign(audience, words, who, action=action, dry_run=dry_run, confirmed=confirmed)


def _foreseen(audience: Audience, found: Match, action: Action, kept: bool) -> Replaced:
    would = tagging.compare(audience, found.keys(unknown=kept))
    match action:
        case "add":
            return Replaced(would.added, 0, would.same)
        case "remove":
            return Replaced(0, would.same, would.added)
        case "replace":
            return would


def _done(
    audience: Audience, found: Match, action: Action, kept: bool, who: Who, confirmed: bool
) -> Replaced:
    keys = found.keys(unknown=kept)
    match action:
        case "add":
            added = tagging.tag(audience, keys, by=who.by, at=who.at, cause=who.cause, origin=who.origin)
            return Replaced(added, 0, found.size(unknown=kept) - added)
        case "remove":
            removed = tagging.untag(audience, keys, by=who.by, at=who.at, cause=who.cause)
            return Replaced(0, removed, found.size(unknown=kept) - removed)
        case "replace":
            by, at, cause, origin = who.by, who.at, who.cause, who.origin
            return tagging.replace(
                audience, keys, by=by, at=at, cause=cause, origin=origin, confirmed=confirmed
            )
