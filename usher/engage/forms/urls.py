"""Sign-up forms under `/f/`; and what mails lead to, under `/t/`."""

from __future__ import annotations

from django.urls import path

from usher.engage.forms import centre_views, views

app_name = "forms"
urlpatterns = [
    path("f/<slug:slug>", views.form, name="form"),
    path("t/k/<str:token>", views.confirmation, name="confirm"),
    path("t/p/<str:token>", centre_views.preference_centre, name="preferences"),
]
