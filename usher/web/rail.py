"""The rail at the side: the road in its order, then what is set up, with counts where they help."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usher.audiences.models import Audience
from usher.engage.models import Account, Program
from usher.engage.models.programs import ProgramStatus
from usher.engage.sandbox import faults_of
from usher.seeds.models import Incident
from usher.syncs.models import Run


@dataclass(frozen=True)
class Stop:
    name: str
    address: str
    here: bool
    count: str = ""
    tone: str = ""


def rail(path: str) -> dict[str, list[Stop]]:
    """The road and the set-up, each with the stop marked that `path` belongs to."""
    return {
        "road": _road(path),
        "setup": _stops(path, _setup(), {"api_users": _faults()}),
        "end": _stops(path, [("settings", _("Settings"))]),
    }


def _road(path: str) -> list[Stop]:
    counts = {"audiences": _audiences(), "syncs": _held(), "programs": _programs(), "seeds": _incidents()}
    names = [
        ("home", _("Home")),
        ("audiences", _("Audiences")),
        ("syncs", _("Syncs")),
        ("programs", _("Programs")),
        ("campaigns", _("Campaigns")),
        ("contacts", _("Contacts")),
        ("seeds", _("Seeds")),
    ]
    return _stops(path, names, counts)


def _setup() -> list[tuple[str, str]]:
    return [
        ("sources", _("Sources")),
        ("destinations", _("Destinations")),
        ("api_users", _("API")),
        ("events", _("Events")),
    ]


def _stops(
    path: str, names: list[tuple[str, str]], counts: dict[str, tuple[str, str]] | None = None
) -> list[Stop]:
    stops = []
    for name, label in names:
        address = reverse(name)
        here = path == address or (name != "home" and path.startswith(f"{address}/"))
        stops.append(Stop(label, address, here, *(counts or {}).get(name, ())))
    return stops


def _audiences() -> tuple[str, str]:
    return f"{Audience.objects.count():,}", ""


def _programs() -> tuple[str, str]:
    return f"{Program.objects.filter(status=ProgramStatus.ACTIVE).count():,}", ""


def _held() -> tuple[str, str]:
    """Plans that wait for somebody: only a sync's newest run can still be approved."""
    newest = Run.objects.order_by("sync_id", "-id").distinct("sync_id").values("pk")
    held = Run.objects.filter(pk__in=newest, state=Run.State.HELD).count()
    return (_("%(count)d held") % {"count": held}, "warn") if held else ("", "")


def _faults() -> tuple[str, str]:
    """Faults that are put into the API's answers on purpose: nobody is to forget them."""
    account = Account.objects.order_by("pk").first()
    return (_("faults"), "warn") if account and faults_of(account) else ("", "")


def _incidents() -> tuple[str, str]:
    found = Incident.objects.exclude(state=Incident.State.CLOSED)
    count = found.values_list(F("state")).count()
    return (
        (ngettext("%(count)d open", "%(count)d open", count) % {"count": count}, "warn")
        if count
        else ("", "")
    )
