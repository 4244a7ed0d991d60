"""What became of campaigns, as version 2 shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from usher.engage.api.v2.campaign_shapes import NEVER, kind
from usher.engage.models import Campaign, Click, Contact, Open, PageView
from usher.engage.reports.clients import mail_client
from usher.engage.reports.figures import Counts
from usher.engage.reports.people import Activity

Shape = dict[str, Any]


def activity(contact: Contact, row: Activity) -> Shape:
    return {
        "contactId": contact.pk,
        "email": contact.email,
        "numOpens": row.opens,
        "numPageViews": row.page_views,
        "numClicks": row.clicks,
        "numForwards": 0,
        "numEstimatedForwards": 0,
        "numReplies": 0,
        "dateSent": row.sent_at,
        "dateFirstOpened": row.first_opened or NEVER,
        "dateLastOpened": row.last_opened or NEVER,
        "firstOpenIp": row.first_ip or "",
        "unsubscribed": row.unsubscribed,
        "softBounced": row.soft_bounced,
        "hardBounced": row.hard_bounced,
    }


def opened(row: Open) -> Shape:
    client, version = mail_client(row.user_agent)
    return _person(row) | {
        "mailClient": client,
        "mailClientVersion": version,
        "ipAddress": row.ip,
        "userAgent": row.user_agent,
        "isHtml": True,
        "isForward": False,
        "dateOpened": row.at,
    }


def clicked(row: Click) -> Shape:
    return _person(row) | {
        "url": row.link.url,
        "ipAddress": row.ip,
        "userAgent": row.user_agent,
        "dateClicked": row.at,
        "keyword": "",
    }


def clicked_with_groups(row: Click) -> Shape:
    return clicked(row) | {"groups": []}


def page_viewed(row: PageView) -> Shape:
    return _person(row) | {"url": row.url, "dateViewed": row.at}


def _person(row: Open | Click | PageView) -> Shape:
    return {"contactId": row.message.contact_id, "email": row.message.to}


#: Of Counts -> the middle of its three names: num…, numText…, numTotal….
_NUMBERS = {
    "opens": "Opens",
    "clicks": "Clicks",
    "page_views": "PageViews",
    "hard": "HardBounces",
    "soft": "SoftBounces",
    "unsubscribed": "Unsubscribes",
    "complaints": "IspComplaints",
    "blocked": "MailBlocks",
    "sent": "Sent",
    "delivered": "Delivered",
}
#: What nothing here can count.
_NOTHING = ("Replies", "EstimatedForwards")


def summary(html: Counts, text: Counts, sent: datetime | None) -> Shape:
    """Shares are of 1."""
    both = html + text
    shape: Shape = {
        "dateSent": sent or NEVER,
        "numUniqueOpens": html.unique_opens,
        "numUniqueTextOpens": text.unique_opens,
        "numTotalUniqueOpens": both.unique_opens,
        "numForwards": 0,
        "numTextForwards": 0,
        "numRecipientsClicked": both.clickers,
    }
    for field, name in _NUMBERS.items():
        for which, counts in (("", html), ("Text", text), ("Total", both)):
            shape[f"num{which}{name}"] = getattr(counts, field)
    for name in _NOTHING:
        shape |= {f"num{which}{name}": 0 for which in ("", "Text", "Total")}
    return shape | {
        "percentageDelivered": _share(both.delivered, both.sent),
        "percentageUniqueOpens": _share(both.unique_opens, both.delivered),
        "percentageOpens": _share(both.opens, both.delivered),
        "percentageUnsubscribes": _share(both.unsubscribed, both.delivered),
        "percentageReplies": 0.0,
        "percentageHardBounces": _share(both.hard, both.sent),
        "percentageSoftBounces": _share(both.soft, both.sent),
        "percentageUsersClicked": _share(both.clickers, both.delivered),
        "percentageClicksToOpens": _share(both.clickers, both.unique_opens),
        "revenue": None,
        "conversionRate": 0,
        "assistedRevenue": None,
        "numOrders": 0,
        "numAssistedOrders": 0,
    }


def metrics(row: Campaign, counts: Counts, sent: datetime | None) -> Shape:
    """Shares are of 100."""
    return {
        "campaignId": row.pk,
        "dateSent": sent or NEVER,
        "campaignName": row.name,
        "campaignType": kind(row),
        "sent": counts.sent,
        "delivered": counts.delivered,
        "uniqueOpens": counts.unique_opens,
        "clicks": counts.clicks,
        "hardBounces": counts.hard,
        "softBounces": counts.soft,
        "replies": 0,
        "unsubscribes": counts.unsubscribed,
        "forwards": 0,
        "uniqueClicks": counts.clickers,
        "sendStatusFails": counts.unmade,
        "mailBlocks": counts.blocked,
        "opens": counts.opens,
        "complaints": counts.complaints,
        "pageViews": counts.page_views,
        "percentageDelivered": 100 * _share(counts.delivered, counts.sent),
        "percentageUniqueOpens": 100 * _share(counts.unique_opens, counts.delivered),
        "percentageHardBounces": 100 * _share(counts.hard, counts.sent),
        "percentageSoftBounces": 100 * _share(counts.soft, counts.sent),
        "percentageReplies": 0.0,
        "percentageUnsubscribes": 100 * _share(counts.unsubscribed, counts.delivered),
        "percentageUniqueClicks": 100 * _share(counts.clickers, counts.delivered),
        "percentageUniqueClicksToOpens": 100 * _share(counts.clickers, counts.unique_opens),
        "revenue": 0,
        "conversionRate": 0,
        "assistedRevenue": 0,
        "orders": 0,
        "assistedOrders": 0,
        "tags": row.tags,
        "subjectLine": row.subject,
        "fromName": row.from_name or row.account.from_name,
        "fromAddress": row.from_address or row.account.from_address,
        "isSplitTest": row.is_split_test,
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
