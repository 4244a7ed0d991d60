"""Seeds: the report."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from usher.lib import clock
from usher.seeds.report import report

router = Router(tags=["seeds"])


@router.get("report")
def seeds_report(request: HttpRequest) -> dict[str, Any]:
    """What was expected, what arrived, and the incidents."""
    return report(clock.now())
