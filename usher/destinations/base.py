"""What every destination can be asked: the contract that a platform's folder fulfils."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import httpx
import pyarrow as pa
from pydantic import BaseModel

from usher.lib.http import OutsideError

FieldType = Literal["text", "number", "date", "boolean"]


class ListGoneError(OutsideError):
    """The list that was spoken of is no longer at the platform."""


@dataclass(frozen=True)
class Work:
    """What a plan asks of a platform: lists and fields to make, files to import, addresses to remove."""

    lists: int = 0
    fields: int = 0
    imports: int = 0
    removals: int = 0
    #: About how many are on the list now.
    list_size: int = 0


@dataclass(frozen=True)
class Capabilities:
    """What a platform can do and where its limits are: read by the planner, which needs no platform then."""

    #: Largest import in one call: bytes of the file, and rows (None: no limit of its own).
    import_bytes: int
    import_rows: int | None
    #: Bulk adds do not start what a single add starts (join actions).
    bulk_add: bool
    single_add_fires_join_actions: bool
    #: Members of a list in one page; removals in one call.
    page_rows: int
    remove_rows: int
    #: Data fields: a pattern their names match in full, their types, and what a value may be.
    field_name: str
    field_types: frozenset[FieldType]
    text_length: int
    number_digits: int
    #: Names that the platform keeps for itself, in lower case.
    reserved_names: frozenset[str]
    #: Cuts rows (email and fields) into as few import calls as the limits allow; the last may be short.
    split: Callable[[pa.Table], list[pa.Table]]
    #: {kind of call: how many} that the work takes; progress, asked as often as it takes, counts once a job.
    calls: Callable[[Work], dict[str, int]]
    #: Tags that one account takes as data fields, unless the destination's settings say another number.
    synced_tags: int = 100


@dataclass(frozen=True)
class Account:
    id: str
    name: str
    #: Base URL at which this account answers.
    endpoint: str


@dataclass(frozen=True)
class ContactList:
    id: str
    name: str
    contacts: int


@dataclass(frozen=True)
class Contact:
    id: str
    email: str
    #: The platform's own word.
    status: str
    #: May be sent marketing mail.
    mailable: bool
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Progress:
    """Of an import or a removal; `done` and `failed` are final, and `said` tells why and what to do."""

    state: Literal["running", "done", "failed", "unknown"]
    said: str = ""


@dataclass(frozen=True)
class ImportReport:
    """What became of an import: the platform's counters, and the reason for each address it refused."""

    counters: Mapping[str, int]
    #: Lower-case address → reason.
    faults: Mapping[str, str] = field(default_factory=dict)


class Platform(ABC):
    """One open connection to one account of a platform; any method may raise usher.lib.http.OutsideError.

    `on_call` hears the kind of each call before it is made.
    """

    #: The settings form; fields of type SecretStr are kept sealed.
    Settings: ClassVar[type[BaseModel]]
    capabilities: ClassVar[Capabilities]

    @abstractmethod
    def __init__(
        self,
        settings: Any,
        *,
        sleep: Callable[[float], None] = time.sleep,
        on_call: Callable[[str], None] = lambda kind: None,
        transport: httpx.BaseTransport | None = None,
    ) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def check(self) -> Account:
        """The account behind the credentials; the error says what to do about wrong ones."""

    @abstractmethod
    def lists(self) -> list[ContactList]: ...

    @abstractmethod
    def ensure_list(self, name: str) -> str:
        """Id of the list of this name (letter case does not matter), made if it is not there.

        Spends one call when it is not there; look at `lists` first when it probably is.
        """

    @abstractmethod
    def fields(self) -> dict[str, FieldType]:
        """Data fields by upper-case name."""

    @abstractmethod
    def ensure_field(self, name: str, kind: FieldType) -> None: ...

    @abstractmethod
    def start_import(self, list_id: str, rows: pa.Table) -> str:
        """Id of a bulk upsert of `email` and the fields into the list; no value empties the field.

        Repeating it does no harm. It revives nobody who opted out, and starts no join action.
        """

    @abstractmethod
    def import_progress(self, import_id: str) -> Progress: ...

    @abstractmethod
    def import_report(self, import_id: str) -> ImportReport: ...

    @abstractmethod
    def add_one(self, list_id: str, email: str, fields: Mapping[str, Any]) -> Contact:
        """Create or update one contact and put it on the list, which starts the list's join actions."""

    @abstractmethod
    def remove(self, list_id: str, emails: Sequence[str], *, list_size: int) -> str | None:
        """Take addresses off the list (no opt-out); id of the removal, None if none of them was on it.

        `list_size`, about how many are on the list, chooses the cheaper way to find them.
        Repeating it does no harm.
        """

    @abstractmethod
    def removal_progress(self, removal_id: str) -> Progress: ...

    @abstractmethod
    def contact(self, email: str) -> Contact | None: ...

    @abstractmethod
    def trace(self, email: str) -> dict[str, Any] | None:
        """The contact's enrolments and messages, hop by hop; None where the platform does not tell."""
