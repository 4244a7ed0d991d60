"""Version 3's errors: a code of the service and a description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from usher.engage.api.problems import ApiError

#: Tokens of the engine in version 3's words.
CODES = {
    "ERROR_CONTACT_NOT_FOUND": "contactNotFound",
    "ERROR_NON_UNIQUE_EMAIL": "idAlreadyExists",
    "ERROR_MALFORMED_REQUEST": "badJson",
    "ERROR_INVALID_EMAIL": "invalidId",
    "ERROR_DATAFIELD_NOTFOUND": "dataFieldNotFound",
    "ERROR_DATAFIELD_INVALID": "invalidDataField",
    "ERROR_DATAFIELD_VALUE_OVERFLOW": "invalidDataField",
    "ERROR_ADDRESSBOOK_NOT_FOUND": "listNotFound",
    "ERROR_ADDRESSBOOK_NOTWRITABLE": "listNotWritable",
    "ERROR_PREFERENCE_NOT_FOUND": "preferenceNotFound",
    "ERROR_CONTACT_SUPPRESSED": "contactSuppressed",
    "ERROR_CONTACT_SUPPRESSEDFORADDRESSBOOK": "contactSuppressedForList",
    "ERROR_IMPORT_TOOMANYACTIVEIMPORTS": "tooManyActiveImports",
    "ERROR_FEATURENOTACTIVE": "featureNotActive",
    "ERROR_APIUSAGE_EXCEEDED": "rateLimitExceeded",
    "ERROR_CONTENT_TYPE_IS_NOT_SUPPORTED": "contentTypeNotSupported",
    "ERROR_UNKNOWN": "unknown",
}


#: Of errors that say no more than their token.
DESCRIPTIONS = {
    "ERROR_FEATURENOTACTIVE": "This feature is not active on the account",
    "ERROR_ADDRESSBOOK_NOT_FOUND": "There is no such list",
    "ERROR_CONTACT_NOT_FOUND": "There is no such contact",
    "ERROR_UNKNOWN": "Something went wrong that was not foreseen",
}
MARKETING = "marketingEmail"
#: All that version 2 says before some tokens.
_NOTHING = "Error:"


class ServiceError(ApiError):
    """What version 3 has a code of its own for; `details` are pairs of an item and its description.

    A code with a colon in it names its service itself.
    """

    def __init__(self, status: int, code: str, description: str, *details: tuple[str, str]) -> None:
        super().__init__(status, code, description)
        self.details = details


def worded_by(service: str) -> Callable[[ApiError], dict[str, Any]]:
    """The errors of one service, whose name stands before each code."""

    def worded(problem: ApiError) -> dict[str, Any]:
        own = isinstance(problem, ServiceError)
        code = problem.token if own else CODES.get(problem.token, "invalidRequest")
        if service == MARKETING and problem.token == "ERROR_FEATURENOTACTIVE":
            code = "forbidden"  # what this service publishes for it
        named = code if ":" in code else f"{service}:{code}"
        said: dict[str, Any] = {"errorCode": named, "description": _described(problem)}
        if isinstance(problem, ServiceError) and problem.details:
            said["details"] = [{"item": item, "description": text} for item, text in problem.details]
        return said

    return worded


def _described(problem: ApiError) -> str:
    said = problem.message.strip()
    if said and said != _NOTHING:
        return said
    return DESCRIPTIONS.get(problem.token, "The call cannot be answered")
