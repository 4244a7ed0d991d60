"""Where the management API answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from usher.api.service import service

urlpatterns: list[URLPattern | URLResolver] = [path("api/", service.urls)]
