"""Where tracking libraries send events."""

from __future__ import annotations

from django.urls import re_path

from usher.events import views

urlpatterns = [re_path(r"^/*[vV]1(?:/[\s\S]*)?$", views.not_built)]
