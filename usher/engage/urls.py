"""Where the engine is reached: Dotdigital's versions and its messages API, Spotler's API, and our own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, re_path

from usher.engage.api.cpaas.wording import worded as in_cpaas
from usher.engage.api.manner import door
from usher.engage.api.spotler.door import answer as spotler
from usher.engage.api.v2.wording import worded as in_v2
from usher.engage.api.v3.wording import worded_by

#: The first part of version 3's paths -> what its services call themselves in errors.
SERVICES = {
    "contacts": "contacts",
    "events": "events",
    "configuration": "configuration",
    "marketing-email": "marketingEmail",
}

#: All that lies below a path, whatever characters it has: line breaks too.
BELOW = r"(?:/[\s\S]*)?$"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(rf"^/*v2{BELOW}", door("usher.engage.api.v2.urls", in_v2)),
    *(
        re_path(rf"^/*{name}/+v3{BELOW}", door("usher.engage.api.v3.urls", worded_by(service)))
        for name, service in SERVICES.items()
    ),
    re_path(rf"^/*cpaas{BELOW}", door("usher.engage.api.cpaas.urls", in_cpaas)),
    re_path(rf"^/*engage/+v1{BELOW}", door("usher.engage.api.own", in_v2)),
    re_path(rf"^/*integrationservice(?:-1\.1\.0)?{BELOW}", spotler),
    # nothing stands at these, which are told so in the words of the API
    re_path(rf"^/*[A-Za-z-]+/+[vV]3{BELOW}", door("usher.engage.api.v3.urls", worded_by("api"))),
    re_path(rf"^/*[cC][pP][aA][aA][sS]{BELOW}", door("usher.engage.api.cpaas.urls", in_cpaas)),
    re_path(rf"^/*(?:[vV]2|[eE][nN][gG][aA][gG][eE]/+[vV]1){BELOW}", door("usher.engage.api.v2.urls", in_v2)),
]
