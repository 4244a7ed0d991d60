"""What the messages API offers, by path and method (slashes already in order)."""

from __future__ import annotations

from django.urls import path

from usher.engage.api.cpaas import messages, receipts, webhooks
from usher.engage.api.manner import operations

urlpatterns = [
    path("cpaas/messages", operations(POST=messages.send)),
    path("cpaas/messages/batch", operations(POST=messages.send_batch)),
    path("cpaas/messages/inbounds", operations(POST=receipts.receive)),
    path(
        "cpaas/messages/inbounds/<str:message>/statuses/<str:status>",
        operations(POST=receipts.inbound_status),
    ),
    path("cpaas/messages/<str:message>/statuses/<str:status>", operations(POST=receipts.status)),
    path(
        "cpaas/messages/<str:message>",
        operations(GET=messages.get, DELETE=messages.delete, PATCH=messages.redact),
    ),
    path("cpaas/webhooks", operations(GET=webhooks.listed, POST=webhooks.create)),
    path("cpaas/webhooks/availableevents", operations(GET=webhooks.available_events)),
    path("cpaas/webhooks/availabletemplates", operations(GET=webhooks.available_templates)),
    path(
        "cpaas/webhooks/<str:webhook>",
        operations(GET=webhooks.get, PUT=webhooks.change, DELETE=webhooks.delete),
    ),
]
