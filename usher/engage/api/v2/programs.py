"""Programs and enrolments: nobody makes or changes a program by this API, but contacts are let in."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.accounts import limit
from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid, missing
from usher.engage.api.reading import LARGEST_ID, choice, guid, page, whole, wholes, window
from usher.engage.api.v2 import shapes
from usher.engage.models import Account, Contact, ContactList, EnrolmentRequest, Program
from usher.engage.models.contacts import Status
from usher.engage.models.programs import ProgramStatus, RequestStatus
from usher.engage.programs.enrol import request_enrolment

_GUID = re.compile(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?")


def listed(call: Call) -> HttpResponse:
    return page(call, Program.objects.filter(account=call.account), shapes.program)


def get(call: Call, program: int) -> HttpResponse:
    return reply(shapes.program(known(call, program)))


def known(call: Call, program: int) -> Program:
    found = Program.objects.filter(account=call.account, pk=program) if abs(program) <= LARGEST_ID else None
    row = found.first() if found is not None else None
    if row is None:
        raise missing("ERROR_PROGRAM_NOT_FOUND")
    return row


def create_enrolment(call: Call) -> HttpResponse:
    program = known(call, whole(call.fields.get("programid"), "programId"))
    if program.status != ProgramStatus.ACTIVE:
        raise ApiError(422, "ERROR_PROGRAM_NOT_ACTIVE")
    people = wholes(call.fields.get("contacts"), "contacts")
    lists = wholes(call.fields.get("addressbooks"), "addressBooks")
    # one at a time counts, so that the allowance stays what it is
    Account.objects.select_for_update(no_key=True).get(pk=call.account.pk)
    _check(call, people, lists)
    made = request_enrolment(call.account, program.pk, people, lists, call.now)
    return reply(shapes.enrolment(made) | {"status": RequestStatus.PROCESSING}, 201)


def _check(call: Call, people: list[int], lists: list[int]) -> None:
    if not people and not lists:
        raise invalid("Error:", "ERROR_ENROLMENT_INVALID")
    if len(people) > (most := limit(call.account, "contacts_per_enrolment")):
        raise invalid(f"At most {most} contacts.", "ERROR_ENROLMENT_INVALID")
    if len(lists) > (most := limit(call.account, "lists_per_enrolment")):
        raise invalid(f"At most {most} address books.", "ERROR_ADDRESSBOOK_TOOMANY")
    known_people = Contact.objects.filter(account=call.account, pk__in=people).exclude(status=Status.DELETED)
    if known_people.count() != len(people):
        raise invalid("Error:", "ERROR_CONTACT_NOT_FOUND")
    if ContactList.objects.filter(account=call.account, pk__in=lists).count() != len(lists):
        raise invalid("Error:", "ERROR_ADDRESSBOOK_NOT_FOUND")
    lately = requests(call).filter(created_at__gt=call.now - timedelta(hours=1))
    if lately.count() >= limit(call.account, "enrolment_calls_an_hour"):
        raise invalid("Error:", "ERROR_ENROLMENT_ALLOWANCE_EXCEEDED")


def requests(call: Call) -> QuerySet[EnrolmentRequest]:
    return EnrolmentRequest.objects.filter(program__account=call.account)


def enrolments(call: Call, which: str) -> HttpResponse:
    """One enrolment by its GUID, or a page of those of a status: both stand in the same place."""
    if _GUID.fullmatch(which):
        return reply(shapes.enrolment(_enrolment(call, which)))
    status = choice(which, RequestStatus, "The status")
    rows = requests(call).filter(status=status)
    # GUIDs have no order of their own: the order of asking is the stable one
    return reply([shapes.enrolment(row) for row in rows.order_by("created_at", "pk")[window(call)]])


def _enrolment(call: Call, request: str) -> EnrolmentRequest:
    unknown = missing("ERROR_ENROLMENT_NOT_FOUND")
    found = requests(call).filter(pk=guid(request, unknown)).first()
    if found is None:
        raise unknown
    return found


def faults(call: Call, which: str) -> HttpResponse:
    found = _enrolment(call, which)
    if found.status == RequestStatus.PROCESSING:
        raise invalid("Error:", "ERROR_ENROLMENT_IS_PROCESSING")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["Id", "Email", "TelephoneNumber", "Reason"])
    rows = found.faults.order_by("pk").values_list(
        "contact_id", "contact__email", "contact__mobile_number", "reason"
    )
    writer.writerows(rows)
    return HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
