"""Which links of a campaign were followed, and by how many people."""

from __future__ import annotations

from django.db import connection

from usher.engage.models import Campaign

_FOLLOWED = """
select link.url, count(distinct message.contact_id) as people
  from engage_link link join engage_click click on click.link_id = link.id
  join engage_message message on message.id = click.message_id
 where link.campaign_id = %(campaign)s and message.contact_id is not null
   and not exists (select 1 from engage_contact seed where seed.id = message.contact_id and seed.is_seed)
 group by link.id order by people desc, link.id limit %(most)s
"""


def followed(campaign: Campaign, most: int) -> list[tuple[str, int]]:
    """(address, customers) of the links that were clicked, the most clicked first."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOWED, {"campaign": campaign.pk, "most": most})
        return list(cursor.fetchall())
