"""The tracking API's addresses: they say plainly that they are not built yet."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def not_built(request: HttpRequest) -> JsonResponse:
    """Nothing is accepted that would be lost: 501, which tracking libraries do not retry."""
    message = f"Usher does not accept events yet: {request.path} is planned (see docs/status.md)"
    return JsonResponse({"success": False, "message": message}, status=501)
