"""Which room answers which address."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("usher.engage.urls")),
    path("t/", include("usher.engage.tracking.urls")),
    path("", include("usher.engage.forms.urls")),
    path("", include("usher.events.urls")),
    path("", include("usher.api.urls")),
    path("", include("usher.web.urls")),
]
