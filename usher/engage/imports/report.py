"""What became of an import: the published counters, and the file of refused rows."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping

from usher.engage.imports import merge, sheet
from usher.engage.models import Import
from usher.engage.models.contacts import Status

COUNTERS = (
    "newContacts",
    "updatedContacts",
    "globallySuppressed",
    "invalidEntries",
    "duplicateEmails",
    "blocked",
    "unsubscribed",
    "hardBounced",
    "softBounced",
    "ispComplaints",
    "mailBlocked",
    "domainSuppressed",
    "pendingDoubleOptin",
    "failures",
    "suppressedContacts",
)

#: Status of the stored contact, or its number -> (reason in the faults file, counter of the report).
REFUSALS: dict[str, tuple[str, str]] = {
    Status.UNSUBSCRIBED: ("Unsubscribed", "unsubscribed"),
    Status.HARD_BOUNCED: ("Hard bounced", "hardBounced"),
    Status.SOFT_BOUNCED: ("Soft bounced", "softBounced"),
    Status.ISP_COMPLAINED: ("Complained to ISP", "ispComplaints"),
    Status.MAIL_BLOCKED: ("Mail blocked", "mailBlocked"),
    Status.DOMAIN_SUPPRESSION: ("Suppressed by Domain", "domainSuppressed"),
    Status.SHARED_SUPPRESSION: ("Globally Suppressed", "globallySuppressed"),
    Status.NOT_ALLOWED: ("Blocker", "blocked"),
    Status.PENDING_OPT_IN: ("Pending optin", "pendingDoubleOptin"),
    Status.SUPPRESSED: ("Suppressed", "suppressedContacts"),
    Status.DIRECT_COMPLAINT: ("Suppressed", "suppressedContacts"),
    Status.NO_MX_RECORD: ("Suppressed", "suppressedContacts"),
    merge.NUMBER: ("Failures", "failures"),
}
#: The reasons that callers are told of.
PUBLISHED = frozenset(
    (
        "Globally Suppressed",
        "Invalid Email",
        "Duplicate",
        "Blocker",
        "Unsubscribed",
        "Hard bounced",
        "Soft bounced",
        "Complained to ISP",
        "Mail blocked",
        "Suppressed by Domain",
        "Pending optin",
        "Failures",
    )
)


def reason_of(refusal: str) -> str:
    """What the faults file says of a row that was refused for this status, or for its number."""
    return REFUSALS[refusal][0]


def counter_of(reason: str) -> str:
    """The counter of the report that a fault belongs to."""
    ours = {sheet.DUPLICATE: "duplicateEmails", sheet.INVALID_EMAIL: "invalidEntries"}
    ours |= dict(REFUSALS.values())
    return ours.get(reason, "failures")


def counters(new: int, updated: int, faults: Counter[str]) -> dict[str, int]:
    """The published report; its numbers add up to the rows of the file that were not blank."""
    counted = dict.fromkeys(COUNTERS, 0) | {"newContacts": new, "updatedContacts": updated}
    for reason, count in faults.items():
        counted[counter_of(reason)] += count
    return counted


def published(report: Mapping[str, int]) -> dict[str, int]:
    """The report with every counter, also of an import that has none yet."""
    return {name: report.get(name, 0) for name in COUNTERS}


def published_reason(reason: str) -> str:
    """The reason in one of the published words; ours say more, and are for people."""
    if reason in PUBLISHED:
        return reason
    return "Globally Suppressed" if reason == "Suppressed" else "Failures"


def faults_file(found: Import) -> str:
    """CSV: the published reason, then the row's own cells under the file's own headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Reason", *found.headings])
    faults = found.faults.order_by("row").values_list("reason", "values")
    writer.writerows([published_reason(reason), *values] for reason, values in faults.iterator())
    return text.getvalue()
