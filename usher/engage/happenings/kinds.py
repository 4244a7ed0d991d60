"""What can be told: the types of happenings, by their published names."""

from __future__ import annotations

from collections.abc import Mapping

#: Subscriptions may name these; Dotdigital's descriptions show them in examples and publish no list.
EVENTS = (
    "contact.created",
    "contact.updated",
    "contact.removed",
    "contact.membershipUpdated",
    "contact.preferenceUpdated",
    "contact.consentAdded",
    "message.sent",
    "message.status",
    "email.read",
    "email.doubleOptIn",
    "interaction.click",
    "interaction.unsubscribe",
    # collections of Insight data do not exist here: nothing ever happens to them
    "insightData.collectionCreated",
    "insightData.collectionRemoved",
    "insightData.set",
    "insightData.removed",
)
#: Webhooks may name these.
WEBHOOKS: Mapping[str, str] = {
    "message.sent": "The channel took the message.",
    "message.delivered": "The message arrived.",
    "message.read": "The message was read for the first time.",
    "message.expired": "The message could not be sent in its time.",
    "message.failed": "The message could not be delivered.",
    "message.inbound": "Somebody sent a message to the account.",
    "interaction.click": "A link of a transactional mail was followed.",
}
