"""What needs a list, and deleting one that nothing needs."""

from __future__ import annotations

from collections.abc import Iterator

from usher.engage.errors import EngageError
from usher.engage.models import ContactList, Form, Send
from usher.engage.models.campaigns import SendStatus
from usher.engage.programs.uses import programs_on_list, segments_on_list


def uses(found: ContactList) -> list[str]:
    """What would miss the list, in words: sends that have not ended, programs, segments, forms."""
    return list(_uses(found))


def delete(found: ContactList) -> None:
    """Delete a list; its contacts stay. Refused while something needs it."""
    if needing := uses(found):
        raise EngageError("ERROR_ADDRESSBOOK_IN_USE", f"The list is used by {', '.join(needing)}.")
    found.delete()


def _uses(found: ContactList) -> Iterator[str]:
    open_ones = (SendStatus.NOT_SENT, SendStatus.SCHEDULED, SendStatus.SENDING)
    sends = Send.objects.filter(account_id=found.account_id, status__in=open_ones)
    for send in sends.filter(lists__contains=[found.pk]).select_related("campaign"):
        yield f"the send of “{send.campaign.name}”"
    yield from (f"the program “{one.name}”" for one in programs_on_list(found.account, found.name))
    yield from (f"the segment “{one.name}”" for one in segments_on_list(found.account, found.name))
    forms = Form.objects.filter(list=found).order_by("name").values_list("name", flat=True)
    yield from (f"the form “{name}”" for name in forms)
