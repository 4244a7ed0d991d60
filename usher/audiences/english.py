"""An audience in English, and a customer by key or address: what a person reads and writes."""

from __future__ import annotations

from usher import rules
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.audiences.rulebook import with_names
from usher.rules import RuleError
from usher.sources import sql
from usher.sources.open import open_tables, stored_schema


def in_english(audience: Audience) -> str:
    """The rule as a sentence; empty for a tag put by hand, the slip itself for a rule that cannot be read."""
    schema = stored_schema()
    if not audience.rule or schema is None:
        return ""
    try:
        return rules.describe(rules.parse(audience.rule), with_names(schema, Audience.objects.all()))
    except RuleError as slip:
        return slip.message


def key_of(text: str) -> str:
    """The key of the customer whose key or e-mail address this is; AudienceError when there is none."""
    with open_tables(again=False) as opened:
        subject = opened.subject
        key, email = f"{sql.name(subject.key)}::varchar", f"{sql.name(subject.email)}::varchar"
        query = (
            f"select {key} from {sql.name(subject.name)} "
            f"where {key} = ? or lower({email}) = lower(?) order by {key} <> ? limit 1"
        )
        rows = opened.duckdb.execute(query, [text.strip()] * 3).fetchall()
    if not rows:
        raise AudienceError(f"there is no customer {text} in {subject.name}")
    return str(rows[0][0])
