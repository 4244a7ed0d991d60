"""What is offered of Spotler's API, by path and method (after the prefix)."""

from __future__ import annotations

from django.urls import path

from usher.engage.api.spotler import audiences, contacts
from usher.engage.api.spotler.door import operations

MEMBERS = operations(POST=audiences.add, DELETE=audiences.remove)

urlpatterns = [
    path("audience", operations(POST=audiences.create)),
    path("audience/<str:external_id>/contact", MEMBERS),
    # one public client writes it so
    path("audience-contact/audience/<str:external_id>/contact", MEMBERS),
    path(
        "audience/<str:external_id>",
        operations(GET=audiences.get, PUT=audiences.change, DELETE=audiences.delete),
    ),
    path("contact", operations(POST=contacts.add)),
    path("contact/list", operations(POST=contacts.add_many)),
    path("contact/properties/list", operations(GET=contacts.properties)),
    path("contact/search", operations(GET=contacts.search)),
    path("contact/updates/list", operations(GET=contacts.updates)),
    path("contact/inactivate/<str:external_id>", operations(PUT=contacts.inactivate)),
    path("contact/<str:external_id>", operations(GET=contacts.get, PUT=contacts.change)),
    path("subscription/subscribe", operations(POST=contacts.subscribe)),
]
