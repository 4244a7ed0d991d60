"""A test client that objects to replies of the engine's API that are not as described."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from usher.engage.tests.conformance.replies import problems

API = re.compile(r"/*(v2|(contacts|events|marketing-email|configuration)/+v3|cpaas|engage/+v1)(/|$)")


class WatchfulClient(Client):
    """Raises AssertionError for a reply that Dotdigital's descriptions do not allow."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        path = str(request.get("PATH_INFO", "/"))
        if API.match(path) and not response.streaming:
            found = problems(
                str(request.get("REQUEST_METHOD", "GET")),
                path,
                response.status_code,
                response.headers.get("Content-Type", ""),
                response.content,
            )
            assert not found, "\n".join(found)
        return response
