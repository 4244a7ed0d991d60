"""Sending a campaign: it is asked for, put in the outbox part by part, and ends with its last mail."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from usher.engage.accounts import limit
from usher.engage.campaigns import recipients
from usher.engage.campaigns.content import check
from usher.engage.campaigns.trial import Test, choose, letters
from usher.engage.errors import EngageError
from usher.engage.messages.queue import queue_send, queue_test
from usher.engage.models import Account, Campaign, Contact, ContactList, Message, Send
from usher.engage.models.campaigns import CampaignStatus, SendStatus
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState
from usher.lib import statistics

log = logging.getLogger(__name__)

#: Contacts put in the outbox by one transaction.
PART = 20_000
#: A send that nobody could start for so long is not made up for: what it says may be of yesterday.
STALE = timedelta(days=1)
#: Nobody means a later moment.
FARTHEST = timedelta(days=731)

INVALID = "ERROR_CAMPAIGN_SEND_INVALID"
NOT_PERMITTED = "ERROR_CAMPAIGN_SENDNOTPERMITTED"
TO_START = (SendStatus.NOT_SENT, SendStatus.SCHEDULED)


def ask(
    campaign: Campaign,
    now: datetime,
    *,
    lists: Sequence[int] = (),
    contacts: Sequence[int] = (),
    at: datetime | None = None,
    optimised: bool = False,
    test: Test | None = None,
) -> Send:
    """Have the campaign sent to these lists, segments and contacts, once `at` has come (the past is now).

    EngageError when the content or the recipients do not do, or when it was sent or is to be sent already:
    a triggered campaign may be sent again, a standard one is sent once. Whoever calls hands it to a worker.
    `test` is for campaigns with versions; without it everybody gets the first, and others have no use for it.
    """
    account = campaign.account
    _check_recipients(account, lists, contacts)
    if at is not None and at > now + FARTHEST:
        raise EngageError(INVALID, "The SendDate is more than two years from now.")
    check(campaign)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        _check_permitted(campaign, optimised)
        due_at = max(at or now, now)
        later = due_at > now
        send = Send.objects.create(
            account=account,
            campaign=campaign,
            status=SendStatus.SCHEDULED if later else SendStatus.NOT_SENT,
            due_at=due_at,
            optimised=optimised,
            lists=list(dict.fromkeys(lists)),
            contacts=list(dict.fromkeys(contacts)),
            everybody=not lists and not contacts,
            split=test.as_sent() if test and campaign.is_split_test else None,
            created_at=now,
        )
        if campaign.status == CampaignStatus.UNSENT and not later:
            Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.SENDING)
    return send


def _check_recipients(account: Account, lists: Sequence[int], contacts: Sequence[int]) -> None:
    if not lists and not contacts and not account.send_to_everybody:
        raise EngageError(INVALID, "Name at least one address book or contact.")
    most = limit(account, "contacts_per_send")
    if len(set(contacts)) > most:
        raise EngageError(INVALID, f"At most {most} contacts; put more of them on an address book.")
    known = ContactList.objects.filter(account=account, pk__in=set(lists))
    if known.count() != len(set(lists)):
        raise EngageError("ERROR_ADDRESSBOOK_NOT_FOUND")
    people = Contact.objects.filter(account=account, pk__in=set(contacts)).exclude(status=Status.DELETED)
    if people.count() != len(set(contacts)):
        raise EngageError("ERROR_CONTACT_NOT_FOUND")


def _check_permitted(campaign: Campaign, optimised: bool) -> None:
    if campaign.status == CampaignStatus.TRIGGERED:
        if optimised:
            raise EngageError(INVALID, "A triggered campaign is not sent at each contact's own time.")
    elif campaign.is_split_test and optimised:
        raise EngageError(INVALID, "A split test is not sent at each contact's own time.")
    elif campaign.status != CampaignStatus.UNSENT or open_sends(campaign).exists():
        raise EngageError(NOT_PERMITTED, "Send not permitted at this time: it was or is to be sent already.")


def open_sends(campaign: Campaign) -> QuerySet[Send]:
    """Sends of the campaign that have not ended."""
    return Send.objects.filter(campaign=campaign, status__in=(*TO_START, SendStatus.SENDING))


def due(now: datetime) -> bool:
    """Whether a send is to be started, to go on or to be settled."""
    return _to_do(now).exists() or _ended().exists()


def next_due(after: datetime) -> datetime | None:
    """The first moment later than `after` at which a send is to start or a winner is to be chosen."""
    waiting = Send.objects.filter(status__in=TO_START, due_at__gt=after).values_list("due_at", flat=True)
    testing = Send.objects.filter(status=SendStatus.SENDING, queued_at=None, decide_at__gt=after)
    return waiting.union(testing.values_list("decide_at", flat=True)).order_by("due_at").first()


def run_due(now: datetime) -> int:
    """Start and go on with every send that is due, and settle those that have ended; how many mails queued.

    Doing it twice, killing it in the middle or doing it in two processes at once is harmless.
    """
    queued = 0
    for send in _to_do(now).order_by("due_at", "created_at"):
        try:
            queued += run(send.pk, now)
        except Exception as problem:
            # one send that cannot go on does not stop the others; the next round tries again
            log.exception("send %s of campaign %s failed", send.pk, send.campaign_id)
            Send.objects.filter(pk=send.pk).update(error=str(problem)[:500] or type(problem).__name__)
    settle(now)
    return queued


def run(send_id: UUID, now: datetime, part: int = PART) -> int:
    """Put all mails of a send that are due and not there yet in the outbox; how many were."""
    queued = 0
    send = Send.objects.get(pk=send_id)
    if send.status in TO_START and not is_stale(send, now):
        recipients.refresh_segments(send.lists, now)
    if _start(send_id, now):
        while (more := _queue_part(send_id, now, part)) is not None:
            queued += more
        statistics.refresh(queued, "engage_message")
    return queued


def is_stale(send: Send, now: datetime) -> bool:
    """Whether it is too late to start a send."""
    return now - send.due_at > STALE


def has_ended(send: Send) -> bool:
    """Whether nothing of a send is left to do, though nobody has written that down yet."""
    return _ended().filter(pk=send.pk).exists()


def settle(now: datetime) -> None:
    """Sends whose last mail has left the outbox are sent; so is a standard campaign."""
    with transaction.atomic():
        ended = list(_ended().select_for_update(of=("self",)))
        Send.objects.filter(pk__in=[send.pk for send in ended]).update(status=SendStatus.SENT, error="")
        campaigns = Campaign.objects.filter(pk__in={send.campaign_id for send in ended})
        campaigns.filter(status=CampaignStatus.SENDING).update(status=CampaignStatus.SENT)


def cancel(send: Send, now: datetime) -> bool:
    """Stop a send. What has not been handed to the relay stays here; False when it has ended already.

    A campaign of which nothing was queued can be sent again; any other is cancelled.
    """
    with transaction.atomic():
        send = Send.objects.select_for_update(of=("self",)).get(pk=send.pk)
        if send.status in TO_START:
            _cancel(send, CampaignStatus.UNSENT)
        elif send.status == SendStatus.SENDING:
            Message.objects.filter(send=send, state=MessageState.QUEUED).update(
                state=MessageState.SKIPPED, reason="the send was cancelled"
            )
            _cancel(send, CampaignStatus.CANCELLED)
        else:
            return False
    return True


def _cancel(send: Send, becomes: CampaignStatus, error: str = "") -> None:
    Send.objects.filter(pk=send.pk).update(status=SendStatus.CANCELLED, error=error)
    Campaign.objects.filter(pk=send.campaign_id, status=CampaignStatus.SENDING).update(status=becomes)


def _to_do(now: datetime) -> QuerySet[Send]:
    undecided = Q(decide_at=None) | Q(decide_at__lte=now)
    started = Q(status=SendStatus.SENDING, queued_at=None) & undecided
    return Send.objects.filter(Q(status__in=TO_START, due_at__lte=now) | started)


def _ended() -> QuerySet[Send]:
    to_come = Message.objects.filter(
        send=OuterRef("pk"), state__in=[MessageState.QUEUED, MessageState.CLAIMED]
    )
    return Send.objects.filter(status=SendStatus.SENDING, queued_at__isnull=False).exclude(Exists(to_come))


def _start(send_id: UUID, now: datetime) -> bool:
    """Whether there is something to queue; a send that waited too long is cancelled, and says why."""
    with transaction.atomic():
        send = Send.objects.select_for_update(of=("self",)).get(pk=send_id)
        if send.status in TO_START and is_stale(send, now):
            late = "not started within a day of its time; send it anew if it is still wanted"
            log.error("send %s of campaign %s: %s", send.pk, send.campaign_id, late)
            _cancel(send, CampaignStatus.UNSENT, late)
            return False
        if send.status in TO_START:
            Send.objects.filter(pk=send_id).update(status=SendStatus.SENDING, started_at=now)
            Campaign.objects.filter(pk=send.campaign_id, status=CampaignStatus.UNSENT).update(
                status=CampaignStatus.SENDING
            )
            return True
        return send.status == SendStatus.SENDING and send.queued_at is None


def _queue_part(send_id: UUID, now: datetime, part: int) -> int | None:
    """The next part in one transaction, with how far it reached; None when there is nothing left to do."""
    with transaction.atomic():
        rows = Send.objects.select_for_update(of=("self",)).select_related("account", "campaign")
        send = rows.get(pk=send_id)
        if send.status != SendStatus.SENDING or send.queued_at:
            return None
        test = Test.of(send)
        if send.decide_at and send.decide_at > now:
            return None
        if send.decide_at and not send.campaign.winner:
            choose(send)
        people = recipients.following(send, part)
        if people:
            queued = _queue(send, test, people, now)
            Send.objects.filter(pk=send_id).update(reached=people[-1])
            return queued
        if test and send.decide_at is None:
            Send.objects.filter(pk=send_id).update(decide_at=now + test.period, reached=0)
        else:
            Send.objects.filter(pk=send_id).update(queued_at=now)
    return None


def _queue(send: Send, test: Test | None, people: Sequence[int], now: datetime) -> int:
    if test is None:
        return queue_send(send, people, now)
    if send.decide_at is None:
        return queue_test(send, people, now, letters(send.campaign), test.percentage)
    return queue_send(send, people, now, send.campaign.winner)
