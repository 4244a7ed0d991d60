"""Ways into a program beside its schedule, and its pause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from procrastinate.contrib.django import app

from usher.engage.errors import EngageError
from usher.engage.messages.queue import queue
from usher.engage.models import Account, Contact, ContactList, EnrolmentRequest, Program
from usher.engage.models.programs import ProgramStatus, RequestStatus
from usher.engage.programs.enter import ENTERED, JUDGED, bound
from usher.engage.programs.versions import current, graph_of


def request_enrolment(
    account: Account,
    program_id: int,
    contact_ids: Sequence[int],
    list_ids: Sequence[int],
    now: datetime,
) -> EnrolmentRequest:
    """Ask for contacts, and for everybody on lists, to enter an active program; a worker lets them in.

    Contacts and lists of other accounts are passed over. EngageError when the program is not there or not
    active.
    """
    program = Program.objects.filter(account=account, pk=program_id).first()
    if program is None:
        raise EngageError("ERROR_PROGRAM_NOT_FOUND")
    if program.status != ProgramStatus.ACTIVE:
        raise EngageError("ERROR_PROGRAM_NOT_ACTIVE")
    with transaction.atomic():
        request = EnrolmentRequest.objects.create(
            program=program, contacts=list(contact_ids), lists=list(list_ids), created_at=now
        )
        # by its name: the task's file imports this one
        app.configure_task("enrol").defer(request=str(request.pk))
    return request


_PROCESS = f"""
with wanted as (
    select unnest(%(contacts)s::bigint[]) as contact_id
    union
    select contact_id from engage_membership
     where list_id = any(%(lists)s::bigint[]) and unsubscribed_at is null
), {JUDGED}, faults as (
    insert into engage_enrolmentfault (request_id, contact_id, reason)
    select %(request)s, contact_id, fault from judged where fault is not null
), {ENTERED}
select count(*) from entered
"""


def process(request: EnrolmentRequest, now: datetime) -> int:
    """Enrol those who may enter and write a fault for everybody else; how many entered. Twice is harmless."""
    with transaction.atomic():
        request = EnrolmentRequest.objects.select_for_update().get(pk=request.pk)
        if request.status == RequestStatus.FINISHED:
            return 0
        program = request.program
        extra = {"request": request.pk, "contacts": request.contacts, "lists": request.lists}
        entered = _enter(program, _PROCESS, f"api {request.pk}", now, extra)
        request.status = RequestStatus.FINISHED
        request.save(update_fields=["status"])
    return entered


_JOIN = f"""
with wanted as (select %(contact)s::bigint as contact_id), {JUDGED}, {ENTERED}
select count(*) from entered
"""


def join(contact_list: ContactList, contact: Contact, now: datetime) -> None:
    """The list's join actions for one contact who has just joined: its program, its campaign.

    Whoever may not be mailed, or is inside already, is left alone; so is a program that is not active.
    """
    if (program := contact_list.join_program) and program.status == ProgramStatus.ACTIVE:
        _enter(program, _JOIN, f"join {contact_list.name}", now, {"contact": contact.pk})
    if campaign := contact_list.join_campaign:
        queue(campaign, [contact.pk], now)


def _enter(program: Program, sql: str, cause: str, now: datetime, extra: dict[str, object]) -> int:
    version = current(program)
    if version is None:
        raise EngageError("ERROR_PROGRAM_NOT_ACTIVE", f"“{program.name}” has no steps.")
    values = bound(program, version, graph_of(version), cause, now) | extra
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def pause(program: Program) -> None:
    """Enrol, move and mail nobody from now on; everybody stays where they are. A draft stays one."""
    _change(program, ProgramStatus.ACTIVE, ProgramStatus.DEACTIVATED)


def resume(program: Program) -> None:
    """Go on, or begin: due times are absolute, so whoever became due meanwhile moves at the next tick."""
    if current(program) is None:
        raise EngageError("ERROR_PROGRAM_NOT_ACTIVE", f"“{program.name}” has no steps yet.")
    if program.status == ProgramStatus.READ_ONLY:
        raise EngageError("ERROR_PROGRAM_NOT_ACTIVE", f"“{program.name}” was deleted and can only be read.")
    _change(program, program.status, ProgramStatus.ACTIVE)


def _change(program: Program, before: str, after: ProgramStatus) -> None:
    if Program.objects.filter(pk=program.pk, status=before).update(status=after):
        program.status = after
