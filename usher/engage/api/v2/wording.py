"""Version 2's errors: one text in which the token stands."""

from __future__ import annotations

from typing import Any

from usher.engage.api.problems import ApiError


def worded(problem: ApiError) -> dict[str, Any]:
    return {"message": f"{problem.message} {problem.token}".strip()}
