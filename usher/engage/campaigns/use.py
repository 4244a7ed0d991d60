"""What needs a campaign, and would miss it."""

from __future__ import annotations

from django.db import connection

from usher.engage.campaigns.content import INVALID
from usher.engage.campaigns.named import sent_by_name
from usher.engage.errors import EngageError
from usher.engage.models import Campaign, ContactList, Send
from usher.engage.models.campaigns import CampaignStatus, SendStatus

# Of each program its newest version, and those that somebody is still inside: graphs name campaigns.
_PROGRAMS = """
select distinct program.name
  from engage_program program join engage_programversion version on version.program_id = program.id
 where program.account_id = %(account)s and program.status <> 'ReadOnly'
   and (version.number = (select max(number) from engage_programversion other
                           where other.program_id = program.id)
        or exists (select 1 from engage_enrolment enrolment
                    where enrolment.program_id = program.id and enrolment.version_id = version.id
                      and enrolment.left_at is null))
   and exists (select 1 from jsonb_each(version.graph -> 'nodes') node
                where node.value ->> 'kind' = 'send' and lower(node.value ->> 'campaign') = lower(%(name)s))
 order by program.name
"""


def uses(campaign: Campaign) -> list[str]:
    """Each program, join action and coming send that needs the campaign, in words; empty when none does."""
    found = [f"the program “{name}”" for name in _programs(campaign)]
    lists = ContactList.objects.filter(join_campaign=campaign).order_by("name")
    found += [f"the join action of “{name}”" for name in lists.values_list("name", flat=True)]
    coming = (SendStatus.NOT_SENT, SendStatus.SCHEDULED, SendStatus.SENDING)
    if Send.objects.filter(campaign=campaign, status__in=coming).exists():
        found.append("a send that has not ended")
    return found


def demand_stays_meant(campaign: Campaign, name: str) -> None:
    """Refuse a name by which programs would send this campaign instead of the one that they send now."""
    now_sent = sent_by_name(campaign.account, name)
    if now_sent is None or campaign.status != CampaignStatus.TRIGGERED or now_sent.pk < campaign.pk:
        return
    if needing := _programs(now_sent):
        message = f"By the name “{name}” another campaign is sent by {_in_words(needing)}."
        raise EngageError(INVALID, message)


def _programs(campaign: Campaign) -> list[str]:
    """The programs that send this campaign by its name."""
    sent = sent_by_name(campaign.account, campaign.name)
    if sent is None or sent.pk != campaign.pk:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_PROGRAMS, {"account": campaign.account_id, "name": campaign.name})
        return [name for (name,) in cursor.fetchall()]


def _in_words(programs: list[str]) -> str:
    return ", ".join(f"the program “{name}”" for name in programs)
