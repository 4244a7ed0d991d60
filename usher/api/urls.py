"""Where the management API answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from usher.api.service import missing, service

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", service.urls),
    re_path("^api/", missing),
]
