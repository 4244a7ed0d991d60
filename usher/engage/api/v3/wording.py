"""Version 3's errors: a code of the service and a description."""

from __future__ import annotations

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
    "ERROR_CONTACT_SUPPRESSED": "contactSuppressed",
    "ERROR_CONTACT_SUPPRESSEDFORADDRESSBOOK": "contactSuppressedForList",
    "ERROR_FEATURENOTACTIVE": "featureNotActive",
    "ERROR_CONTENT_TYPE_IS_NOT_SUPPORTED": "contentTypeNotSupported",
    "ERROR_UNKNOWN": "unknown",
}


def worded(problem: ApiError) -> dict[str, Any]:
    code = f"contacts:{CODES.get(problem.token, 'invalidRequest')}"
    said: dict[str, Any] = {"errorCode": code, "description": problem.message}
    if problem.item:
        said["details"] = [{"item": problem.item, "description": problem.message}]
    return said
