"""Answers that are no success: their status, their token, their text."""

from __future__ import annotations

from usher.engage.errors import EngageError

#: Tokens of the engine that are not answered with 400.
STATUS = {
    "ERROR_PROGRAM_NOT_ACTIVE": 422,
    "ERROR_PROGRAM_NOT_FOUND": 404,
    "ERROR_FEATURENOTACTIVE": 403,
}


class ApiError(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: int, token: str, message: str = "Error:", item: str = "") -> None:
        super().__init__(f"{message} {token}")
        self.status, self.token, self.message, self.item = status, token, message, item


def invalid(message: str, token: str = "ERROR_PARAMETER_INVALID") -> ApiError:
    """What the caller sent cannot be used."""
    return ApiError(400, token, message)


def missing(token: str) -> ApiError:
    """What the path names does not exist."""
    return ApiError(404, token)


def not_offered() -> ApiError:
    """An operation that is published, and that this server does not have."""
    return ApiError(403, "ERROR_FEATURENOTACTIVE")


def answered(problem: EngageError) -> ApiError:
    """The engine's refusal as the answer of a call."""
    return ApiError(STATUS.get(problem.token, 400), problem.token, problem.message)
