"""What the messages API offers, by path and method (slashes already in order)."""

from __future__ import annotations

from django.urls import path

from usher.engage.api.cpaas import messages
from usher.engage.api.manner import operations

urlpatterns = [
    path("cpaas/messages", operations(POST=messages.send)),
    path("cpaas/messages/batch", operations(POST=messages.send_batch)),
    path(
        "cpaas/messages/<str:message>",
        operations(GET=messages.get, DELETE=messages.delete, PATCH=messages.redact),
    ),
]
