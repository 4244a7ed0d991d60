"""Make, change, copy and delete campaigns."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from usher.engage.campaigns import trial
from usher.engage.campaigns.content import check
from usher.engage.campaigns.use import demand_stays_meant, uses
from usher.engage.content.versions import FIELDS
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign
from usher.engage.models.campaigns import CampaignStatus

LONGEST_NAME = 255
READ_ONLY = "ERROR_CAMPAIGN_READONLY"
CHANGED = "ERROR_CAMPAIGN_CHANGED"
OPEN = (CampaignStatus.UNSENT, CampaignStatus.TRIGGERED)
#: What `change` may be given.
EDITABLE = (
    "name",
    "subject",
    "from_name",
    "from_address",
    "reply_to",
    "forward_to",
    "reply_action",
    "tags",
    "preference",
    "html",
    "text",
)


def create(account: Account, now: datetime, *, triggered: bool = False, **values: object) -> Campaign:
    """Make a campaign of these values (see EDITABLE). EngageError when it could not be mailed."""
    status = CampaignStatus.TRIGGERED if triggered else CampaignStatus.UNSENT
    made = Campaign(account=account, status=status, created_at=now, updated_at=now, **values)
    check(made)
    made.save()
    return made


def change(campaign: Campaign, now: datetime, *, seen: datetime | None = None, **values: object) -> Campaign:
    """Give a campaign these values. EngageError when it is being or was sent, or could not be mailed.

    So it is when `seen` is given and the campaign was changed since then.
    """
    with transaction.atomic():
        found = Campaign.objects.select_for_update(of=("self",)).select_related("account").get(pk=campaign.pk)
        if found.status not in OPEN:
            raise EngageError(READ_ONLY, f"The campaign is {found.status}; only unsent ones can be changed.")
        if seen not in (None, found.updated_at):
            raise EngageError(CHANGED, "The campaign was changed meanwhile.")
        if found.is_split_test and any(field in values for field in FIELDS):
            raise EngageError(READ_ONLY, "The versions of a split test cannot be changed.")
        name = values.get("name", found.name)
        if str(name).lower() != found.name.lower():
            _check_free(found, "renamed")
            demand_stays_meant(found, str(name))
        for field in EDITABLE:
            if field in values:
                setattr(found, field, values[field])
        found.updated_at = now
        check(found)
        found.save()
    return found


def copy(campaign: Campaign, now: datetime) -> Campaign:
    """An unsent campaign of the same type with the same content: "Copy of …"."""
    values = {field: getattr(campaign, field) for field in EDITABLE if field != "name"}
    triggered = campaign.status == CampaignStatus.TRIGGERED
    made = Campaign(
        account=campaign.account,
        name=_copied_name(campaign),
        status=CampaignStatus.TRIGGERED if triggered else CampaignStatus.UNSENT,
        created_at=now,
        updated_at=now,
        is_split_test=campaign.is_split_test,
        **values,
    )
    with transaction.atomic():
        made.save()
        trial.copy(campaign, made)
    return made


def delete(campaign: Campaign) -> None:
    """Delete a campaign with all that was reported of it. EngageError while it is sent or in use."""
    with transaction.atomic(), connection.cursor() as cursor:
        found = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if found.status == CampaignStatus.SENDING:
            raise EngageError(READ_ONLY, "The campaign is being sent.")
        _check_free(found, "deleted")
        for statement in _DELETE:
            cursor.execute(statement, {"campaign": found.pk})
        found.delete()


# Rows of mails in sets: there may be millions.
_MAILS = "(select id from engage_message where campaign_id = %(campaign)s)"
_DELETE = (
    f"update engage_suppression set message_id = null where message_id in {_MAILS}",
    f"delete from engage_open where message_id in {_MAILS}",
    f"delete from engage_pageview where message_id in {_MAILS}",
    f"delete from engage_click where message_id in {_MAILS}",
    "delete from engage_message where campaign_id = %(campaign)s",
)


def _check_free(campaign: Campaign, done: str) -> None:
    if found := uses(campaign):
        raise EngageError(READ_ONLY, f"The campaign cannot be {done}: it is used by {', '.join(found)}.")


def _copied_name(campaign: Campaign) -> str:
    taken = set(Campaign.objects.filter(account=campaign.account).values_list("name", flat=True))
    lower = {name.lower() for name in taken}
    number = 1
    while True:
        end = "" if number == 1 else f" ({number})"
        name = f"Copy of {campaign.name}"[: LONGEST_NAME - len(end)] + end
        if name.lower() not in lower:
            return name
        number += 1
