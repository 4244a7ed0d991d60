"""Which view answers which address below /campaigns."""

from __future__ import annotations

from django.urls import path

from usher.web.views import campaigns, compose, letters, sending

urlpatterns = [
    path("campaigns", campaigns.campaigns, name="campaigns"),
    path("campaigns/new", compose.new, name="campaign_new"),
    path("campaigns/draft", compose.look, name="campaign_look"),
    path("campaigns/draft/<slug:token>", compose.draft, name="campaign_draft"),
    path("campaigns/<int:pk>", campaigns.campaign, name="campaign"),
    path("campaigns/<int:pk>/edit", compose.edit, name="campaign_edit"),
    path("campaigns/<int:pk>/test", compose.test, name="campaign_test"),
    path("campaigns/<int:pk>/copy", campaigns.copy, name="campaign_copy"),
    path("campaigns/<int:pk>/delete", campaigns.delete, name="campaign_delete"),
    path("campaigns/<int:pk>/preview", campaigns.preview, name="preview"),
    path("campaigns/<int:pk>/course", campaigns.course, name="campaign_course"),
    path("campaigns/<int:pk>/people", campaigns.people, name="campaign_people"),
    path("campaigns/<int:pk>/people.csv", campaigns.export, name="campaign_people_csv"),
    path("campaigns/<int:pk>/send", sending.choose, name="campaign_send"),
    path("campaigns/<int:pk>/send/count", sending.count, name="campaign_send_count"),
    path("campaigns/<int:pk>/send/sure", sending.sure, name="campaign_send_sure"),
    path("campaigns/<int:pk>/send/go", sending.send, name="campaign_send_go"),
    path("campaigns/sends/<uuid:pk>/cancel", sending.cancel, name="send_cancel"),
    path("campaigns/letters", letters.letters, name="letters"),
    path("campaigns/letters/<int:pk>", letters.letter, name="letter"),
    path("campaigns/letters/<int:pk>/mail", letters.mail, name="letter_mail"),
    path("campaigns/texts", letters.texts, name="texts"),
    path("campaigns/texts/<uuid:pk>", letters.text, name="text"),
]
