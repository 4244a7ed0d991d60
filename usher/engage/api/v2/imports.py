"""Bulk imports: files and collections are accepted, asked after, and reported on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid, missing
from usher.engage.api.reading import guid, text, wholes
from usher.engage.api.v2 import lists, sent, shapes
from usher.engage.errors import EngageError
from usher.engage.imports import report
from usher.engage.imports.accept import LARGEST, accept, accept_collection
from usher.engage.models import ContactList, Import
from usher.engage.models.imports import ImportState, MergeOption

#: The keys of consent that single contacts are sent with, as columns of files call them.
_CONSENT = {
    "TEXT": "CONSENTTEXT",
    "URL": "CONSENTURL",
    "DATETIMECONSENTED": "CONSENTDATETIME",
    "IPADDRESS": "CONSENTIP",
    "USERAGENT": "CONSENTUSERAGENT",
}
_BY_NUMBER = dict(zip("012", MergeOption, strict=True))


def merge_option(sent_option: object) -> MergeOption:
    """By its name in v2 or v3 in any case, or by its number; Overwrite when nothing is said."""
    word = str(sent_option or 0).replace("-", "").lower()
    names = {option.value.lower(): option for option in MergeOption} | {
        "overwriteifnotempty": MergeOption.IF_NOT_EMPTY,
        "overwriteifempty": MergeOption.IF_NOT_POPULATED,
    }
    found = _BY_NUMBER.get(word) or names.get(word)
    if found is None:
        raise invalid(f"'{sent_option}' is not a merge option.")
    return found


def contacts(call: Call, option: str = "") -> HttpResponse:
    return _accept(call, option, [])


def to_list(call: Call, book: int, option: str = "") -> HttpResponse:
    return _accept(call, option, [lists.writable(call, book)])


def _accept(call: Call, option: str, into: Sequence[ContactList]) -> HttpResponse:
    merge = merge_option(option)
    name, content = _file(call)
    if len(content) > LARGEST:
        raise ApiError(413, "ERROR_IMPORT_UNSUPPORTED_FORMAT", "The file has more than 10 MB.")
    return reply(shapes.imported(accept(call.account, name, content, call.now, lists=into, merge=merge)), 202)


def _file(call: Call) -> tuple[str, bytes]:
    """The name and content of the file that was sent, in a form or as base64 in JSON."""
    if (call.request.content_type or "").lower() == "multipart/form-data":
        files = [one for _, several in call.request.FILES.lists() for one in several]
        if len(files) > 1:
            raise invalid("Send one file.", "ERROR_MULTI_FILE_UPLOAD_NOT_ALLOWED")
        if not files or not files[0].name:
            raise ApiError(400, "", "file must be valid")
        return files[0].name, files[0].read()
    try:
        content = base64.b64decode("".join(text(call.fields.get("data"), "data").split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("data is not base64.", "ERROR_IMPORT_UNSUPPORTED_FORMAT") from None
    return str(call.fields.get("filename") or "import.csv"), content


def collection(call: Call) -> HttpResponse:
    people = call.fields.get("contacts")
    if not isinstance(people, list) or not all(isinstance(one, dict) for one in people):
        raise invalid("contacts is a list of contacts.", "ERROR_CONTACTS_ARE_NOT_SPECIFIED")
    into = in_body(call, wholes(call.fields.get("addressbookids"), "addressBookIds"))
    made = accept_collection(
        call.account,
        [_flat(one) for one in people],
        call.now,
        lists=into,
        merge=merge_option(call.fields.get("mergeoption")),
    )
    return reply(shapes.imported(made), 202)


def in_body(call: Call, ids: Sequence[int]) -> list[ContactList]:
    """The account's lists with these ids of a body: one that is unknown, or a segment, fails the call."""
    found = list(ContactList.objects.filter(account=call.account, pk__in=ids))
    if len(found) != len(ids):
        raise EngageError("ERROR_ADDRESSBOOK_NOT_FOUND")
    for one in found:
        lists.demand_writable(one)
    return found


def _flat(person: Mapping[str, Any]) -> dict[str, object]:
    fields = {name.upper(): value for name, value in sent.data(person.get("datafields")).items()}
    flat = {"Email": person.get("email") or "", **fields}
    for name, value in sent.data(person.get("consentfields")).items():
        flat[_CONSENT.get(name.upper(), name.upper())] = value
    if person.get("mobilenumberid"):
        flat["MobileNumberId"] = person["mobilenumberid"]
    if person.get("optintype"):
        flat["OptInType"] = person["optintype"]
    if person.get("emailtype"):
        flat["EmailType"] = person["emailtype"]
    return flat


def known(call: Call, job: str) -> Import:
    unknown = missing("ERROR_IMPORT_NOT_FOUND")
    found = Import.objects.filter(account=call.account, pk=guid(job, unknown)).defer("content").first()
    if found is None:
        raise unknown
    return found


def status(call: Call, job: str) -> HttpResponse:
    return reply(shapes.imported(known(call, job)))


def reported(call: Call, job: str) -> HttpResponse:
    return reply(report.published(_ended(call, job).report))


def faults(call: Call, job: str) -> HttpResponse:
    return HttpResponse(report.faults_file(_ended(call, job)), content_type="text/csv; charset=utf-8")


def _ended(call: Call, job: str) -> Import:
    found = known(call, job)
    if found.state == ImportState.NOT_FINISHED:
        raise missing("ERROR_IMPORT_REPORT_NOT_FOUND")
    return found
