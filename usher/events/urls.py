"""Where tracking libraries send events."""

from __future__ import annotations

from django.urls import path

from usher.events import views

urlpatterns = [path("v1/<str:call>", views.not_built)]
