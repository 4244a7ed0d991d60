"""An uploaded file of contacts: its columns, what each may be for, and the file that is imported."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from usher.engage.contacts.fields import types_of
from usher.engage.imports.columns import PREFERENCE
from usher.engage.imports.records import DELIMITERS, SheetError, is_workbook, records, text_of
from usher.engage.models import Account
from usher.engage.preferences import tree
from usher.web.uploads import UploadError, path_of

EMAIL = "EMAIL"
#: What a column may be for besides the account's data fields and topics.
OWN = {
    EMAIL: _l("E-mail address"),
    "MOBILENUMBER": _l("Mobile number"),
    "OPTINTYPE": _l("Opt-in type"),
    "EMAILTYPE": _l("E-mail type"),
}
CONSENT = {
    "CONSENTTEXT": _l("What was agreed to"),
    "CONSENTDATETIME": _l("When it was agreed to"),
    "CONSENTURL": _l("On which page (address)"),
    "CONSENTIP": _l("From which IP address"),
    "CONSENTUSERAGENT": _l("With which browser"),
}
#: Headings that mean the same, without what is no letter.
_ALSO = {
    **dict.fromkeys(("EMAIL", "EMAILADDRESS", "MAIL", "ADDRESS"), EMAIL),
    **dict.fromkeys(("MOBILE", "MOBILENUMBER", "MOBILENUMBERID", "MOBILEPHONE", "CELLPHONE"), "MOBILENUMBER"),
    **dict.fromkeys(("PHONE", "PHONENUMBER", "TELEPHONE"), "MOBILENUMBER"),
    **dict.fromkeys(("OPTIN", "OPTINTYPE"), "OPTINTYPE"),
    **dict.fromkeys(("CONSENTDATE", "CONSENTTIME", "CONSENTEDAT", "CONSENTEDON"), "CONSENTDATETIME"),
}
#: Values shown beside a column.
_SHOWN = 3


@dataclass(frozen=True)
class Column:
    """A column of the file with a few values, and what it seems to be for ("" is nothing)."""

    place: int
    heading: str
    sample: list[str]
    target: str


def targets(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Everything that a column may be for, with its name for people, under headings."""
    topics = {heading: heading.removeprefix(PREFERENCE) for heading in _topics(account)}
    groups = [
        (_("The contact"), {name: str(said) for name, said in OWN.items()}),
        (_("Data fields"), {name: name for name in types_of(account)}),
        (_("Proof of consent"), {name: str(said) for name, said in CONSENT.items()}),
        (_("Topics: yes or no"), topics),
    ]
    return [(label, group) for label, group in groups if group]


def known(account: Account) -> dict[str, str]:
    """The same without headings."""
    return {name: said for _label, group in targets(account) for name, said in group.items()}


def _topics(account: Account) -> Iterator[str]:
    """The heading that each topic's column has: its name behind its category's, in upper case."""
    for one in tree.preferences(account).filter(is_preference=True).select_related("category"):
        parts = [one.category.private_name] if one.category else []
        yield (PREFERENCE + ">".join([*parts, one.private_name])).upper()


def columns(account: Account, token: str) -> list[Column]:
    """The columns of a kept file. UploadError when it cannot be read."""
    rows = _rows(token)
    headings = next(rows, [])
    if not any(headings):
        raise UploadError("the file is empty; its first row names the columns")
    first = list(islice(filter(any, rows), _SHOWN))
    if not first:
        raise UploadError("nobody is in the file: there is nothing under the names of its columns")
    guessed = _guessed(headings, known(account))
    return [
        Column(place, heading, [row[place] for row in first if place < len(row) and row[place]], target)
        for place, (heading, target) in enumerate(zip(headings, guessed, strict=True))
    ]


def _guessed(headings: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """What each column is for by its heading, nothing twice."""
    taken: set[str] = set()
    found = []
    plain = {_plain(name): name for name in known}
    for heading in headings:
        upper = heading.strip().upper()
        bare = re.sub(r"[^A-Z]", "", upper)
        named = (upper, bare, plain.get(_plain(upper), ""), PREFERENCE + upper, *_of_topic(upper, known))
        target = next((one for one in named if one in known), _ALSO.get(bare, ""))
        found.append("" if target in taken else target)
        taken.add(target)
    return found


def _plain(name: str) -> str:
    """“Total spent” is TOTAL_SPENT."""
    return re.sub(r"[\s_-]+", "", name)


def _of_topic(name: str, known: Mapping[str, str]) -> list[str]:
    """The one topic in a category that is called so."""
    found = [one for one in known if one.startswith(PREFERENCE) and one.endswith(f">{name}")]
    return found if len(found) == 1 else []


def mapped(token: str, chosen: Mapping[int, str]) -> bytes:
    """The file as CSV with the chosen columns only, headed by what they are for. UploadError.

    Every record stays in its row, so that a fault names the row of the file that was uploaded.
    """
    places, names = list(chosen), list(chosen.values())
    if EMAIL not in names:
        raise UploadError("say which column holds the e-mail addresses")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UploadError(f"two columns are for {(OWN | CONSENT).get(twice, twice)}; leave one of them out")
    rows, text = _rows(token), io.StringIO()
    writer, width = csv.writer(text), len(next(rows, []))
    writer.writerow(names)
    writer.writerows(_projected(row, places, width) for row in rows)
    return text.getvalue().encode()


def _projected(row: list[str], places: list[int], width: int) -> list[str]:
    """The chosen cells. A row of another width stays one, so that the import refuses it with its cells."""
    if len(row) == width or not any(row):
        return [row[place] for place in places] if any(row) else []
    return row + [""] * (len(places) + 1 - len(row)) if len(row) <= len(places) else row


def _rows(token: str) -> Iterator[list[str]]:
    """Those of a workbook's first sheet, or of a text whose first line tells what stands between cells."""
    content = path_of(token).read_bytes()
    try:
        if is_workbook(content):
            yield from records(content)
            return
        text = text_of(content)
    except SheetError as problem:
        raise UploadError(f"{problem}") from None
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as problem:
        raise UploadError(f"the file cannot be read: {problem}") from None
