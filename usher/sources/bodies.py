"""Sources in definition files: the shape of their YAML, and what in it makes no sense."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from usher.rules import Type

Name = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$")]
#: What evaluations call their working tables, beside those of the sources.
WORKING = re.compile(
    "affected(_text)?|assigned|by_hand|causes|changes|everybody|found_by_rule|grown|moved(_now)?|newly|old|published"
    "|revalued|unfit|wanted|(near|moving|differences?|whole_kept|near_kept|members|all_members)_.*"
    "|(any|kept|other)_(members_.*|[0-9]+_[01](_.*)?)"
)
Choice = Literal["first", "newest"]


class LinkBody(BaseModel):
    """A column of ours that holds the own key of a row of another table."""

    model_config = ConfigDict(extra="forbid")

    column: str
    table: str


class TableBody(BaseModel):
    """One table: `file` (a path or glob) or `table` (schema.table), and the columns with a meaning."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = None
    table: str | None = None
    key: str
    id: str = ""
    email: str = ""
    mobile: str = ""
    at: str = ""
    updated: str = ""
    append_only: bool = False
    subject: bool = False
    lookup: bool = False
    #: Column: table, and the link is named like the table; or name: {column, table}.
    links: dict[str, str | LinkBody] = Field(default_factory=dict)
    same_key: Choice | None = None
    same_email: Choice | None = None
    noun: str = ""
    types: dict[str, Type] = Field(default_factory=dict)
    max_age_days: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.file is None) == (self.table is None):
            raise ValueError("say either `file` or `table`")
        if self.subject and not self.email:
            raise ValueError("the table of customers needs `email`, the column of the address")
        for field in ("email", "mobile", "same_email"):
            if getattr(self, field) and not self.subject:
                raise ValueError(f"`{field}` belongs to the table of customers; this is not `subject: true`")
        self._own_rows()
        self.named_links()
        return self

    def _own_rows(self) -> None:
        """What is said of single rows must be possible to tell."""
        if self.subject and self.lookup:
            raise ValueError("the customers are no `lookup` table")
        if self.id and (self.subject or self.lookup):
            raise ValueError("`key` is the own key of this table; leave `id` out")
        if self.same_key and not (self.id or self.subject or self.lookup):
            raise ValueError("`same_key` needs `id`, the column of the rows' own key")
        linked = self.at.split(".")[0] in self.named_links()
        if "newest" in (self.same_key, self.same_email) and not (self.updated or (self.at and not linked)):
            raise ValueError(
                "`newest` needs `updated` or `at`, a column of the table that says which row is newer"
            )
        if self.append_only and not self.at:
            raise ValueError("`append_only` needs `at`, the column that says when a row was added")

    def named_links(self) -> dict[str, dict[str, str]]:
        """Name of the link -> its column and table. ValueError when two have one name."""
        named: dict[str, dict[str, str]] = {}
        for key, link in self.links.items():
            name, written = (link, LinkBody(column=key, table=link)) if isinstance(link, str) else (key, link)
            if name in named:
                raise ValueError(
                    f"two links are called {name}; write them as `name: {{column: …, table: …}}`"
                )
            named[name] = written.model_dump()
        return named


class SourceBody(BaseModel):
    """Files (`files: true`) or a database (`url`), and its tables."""

    model_config = ConfigDict(extra="forbid")

    files: Literal[True] | None = None
    url: str | None = None
    tables: dict[Name, TableBody] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.files is None) == (self.url is None):
            raise ValueError("say either `files: true` or `url`")
        if self.url and urlsplit(self.url).scheme not in ("duckdb", "postgresql", "postgres"):
            raise ValueError("a url starts with duckdb:/// or postgresql://")
        if taken := [name for name in self.tables if WORKING.fullmatch(name)]:
            raise ValueError(f"{taken[0]}: evaluations call a table of their own so; call this one otherwise")
        wrong = [name for name, table in self.tables.items() if (table.file is None) != bool(self.url)]
        if wrong:
            raise ValueError(
                f"{wrong[0]}: a table in {'a database is a `table`' if self.url else 'files is a `file`'}"
            )
        return self
