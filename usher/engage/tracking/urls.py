"""Under `/t/`: the addresses that stand in mails."""

from __future__ import annotations

from django.urls import path

from usher.engage.tracking import views

app_name = "tracking"
urlpatterns = [
    path("c/<str:token>", views.click, name="click"),
    path("site.js", views.script, name="script"),
    path("v/<str:token>.gif", views.page_view, name="view"),
    path("o/<str:token>.gif", views.pixel, name="open"),
    path("u/<str:token>", views.unsubscribe, name="unsubscribe"),
]
