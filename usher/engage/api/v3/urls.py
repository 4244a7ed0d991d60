"""What version 3 offers, by path and method (slashes already in order)."""

from __future__ import annotations

from django.urls import path

from usher.engage.api.manner import operations
from usher.engage.api.v3 import (
    configuration,
    contacts,
    deletions,
    imports,
    listing,
    marketing,
    subscriptions,
    told,
)

urlpatterns = [
    path("events/v3/import", operations(POST=told.keep)),
    path("events/v3/export/subscriptions", operations(GET=subscriptions.listed, POST=subscriptions.create)),
    path(
        "events/v3/export/subscriptions/<str:subscription>",
        operations(GET=subscriptions.get, PUT=subscriptions.change, DELETE=subscriptions.delete),
    ),
    path("events/v3/export/<str:subscription>", operations(GET=subscriptions.export)),
    path("events/v3/lob/<str:lob>", operations(GET=subscriptions.large_object)),
    path(
        "configuration/v3/customIdentifiers",
        operations(GET=configuration.listed, POST=configuration.create),
    ),
    path("configuration/v3/customIdentifiers/<str:name>", operations(DELETE=configuration.delete)),
    path("marketing-email/v3/send", operations(POST=marketing.send)),
    path("marketing-email/v3/batch", operations(POST=marketing.send_batch)),
    path("contacts/v3", operations(GET=listing.listed, POST=contacts.create)),
    path("contacts/v3/delete", operations(POST=deletions.start)),
    path("contacts/v3/delete/<str:job>", operations(GET=deletions.status)),
    path("contacts/v3/import", operations(PUT=imports.start)),
    path("contacts/v3/import/<str:job>", operations(GET=imports.status)),
    path(
        "contacts/v3/<str:identifier>/<path:value>",
        operations(GET=contacts.get, PATCH=contacts.patch, PUT=contacts.replace, DELETE=contacts.delete),
    ),
]
