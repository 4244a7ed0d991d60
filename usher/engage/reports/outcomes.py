"""What counts as sent, delivered and bounced, told from a mail's row: as filters and as SQL of `message`."""

from __future__ import annotations

from django.db.models import Q

from usher.engage.models.messages import MessageState

#: A relay answered, or its answer was lost: not what waits, was left out, or could not be made.
SENT = Q(state__in=[MessageState.SENT, MessageState.BOUNCED, MessageState.AMBIGUOUS]) | Q(
    state=MessageState.FAILED, code__isnull=False
)

IS_SENT = """(message.state in ('sent', 'bounced', 'ambiguous')
              or message.state = 'failed' and message.code is not null)"""
IS_DELIVERED = "(message.state = 'sent')"
#: The address does not take mail.
IS_HARD = "(message.state = 'bounced')"
#: Put off by the other side until we gave up.
IS_SOFT = "(message.state = 'failed' and message.code between 400 and 499)"
#: Refused for good, and not for its address.
IS_BLOCKED = "(message.state = 'failed' and message.code >= 500)"
#: No mail could be made, or no relay be reached.
IS_UNMADE = "(message.state = 'failed' and message.code is null)"
#: When the relay answered; of a mail that it did not take, when it was last due.
SENT_AT = "coalesce(message.sent_at, message.due_at)"

#: Of suppressions: complaints by way of a provider, or made directly.
COMPLAINTS = "('IspComplained', 'DirectComplaint')"
