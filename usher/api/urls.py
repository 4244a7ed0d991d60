"""Where the management API answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt

from usher.api.service import missing, service, worded


def _worded(one: URLPattern | URLResolver) -> URLPattern:
    assert isinstance(one, URLPattern)  # Ninja makes no other
    return URLPattern(one.pattern, worded(one.callback), one.default_args, one.name)


_nouns, _app, _namespace = service.urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", ([_worded(one) for one in _nouns], _app, _namespace)),
    re_path("^api/", csrf_exempt(missing)),
]
