"""Which view answers which address."""

from __future__ import annotations

from django.urls import path

from usher.web.views import (
    audiences,
    campaigns,
    contacts,
    destinations,
    events,
    home,
    login,
    members,
    programs,
    seeds,
    settings,
    sources,
    syncs,
)

urlpatterns = [
    path("login", login.log_in, name="login"),
    path("logout", login.log_out, name="logout"),
    path("", home.home, name="home"),
    path("audiences", audiences.audiences, name="audiences"),
    path("audiences/<int:pk>", audiences.audience, name="audience"),
    path("audiences/<int:pk>/members.csv", members.export, name="audience_csv"),
    path("audiences/<int:pk>/why", members.why, name="audience_why"),
    path("syncs", syncs.syncs, name="syncs"),
    path("syncs/<int:pk>", syncs.sync, name="sync"),
    path("syncs/<int:pk>/runs/<int:run>", syncs.run, name="run"),
    path("syncs/<int:pk>/runs/<int:run>/approve", syncs.approve, name="approve"),
    path("programs", programs.programs, name="programs"),
    path("programs/<int:pk>", programs.program, name="program"),
    path("programs/<int:pk>/people", programs.people, name="program_people"),
    path("programs/<int:pk>/pause", programs.pause, name="pause"),
    path("programs/<int:pk>/resume", programs.resume, name="resume"),
    path("campaigns", campaigns.campaigns, name="campaigns"),
    path("campaigns/<int:pk>", campaigns.campaign, name="campaign"),
    path("campaigns/<int:pk>/preview", campaigns.preview, name="preview"),
    path("contacts", contacts.contacts, name="contacts"),
    path("contacts/<int:pk>", contacts.contact, name="contact"),
    path("seeds", seeds.seeds, name="seeds"),
    path("seeds/incidents/<int:pk>", seeds.incident, name="incident"),
    path("sources", sources.sources, name="sources"),
    path("destinations", destinations.destinations, name="destinations"),
    path("events", events.events, name="events"),
    path("settings", settings.settings, name="settings"),
    path("settings/password", settings.password, name="password"),
]
