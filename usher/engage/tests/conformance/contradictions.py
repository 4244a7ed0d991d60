"""Where a reply is right although the generated description says something else, and why."""

from __future__ import annotations

import re

#: Operations of ours, and aliases that guides for integrators tell of: no description has them.
UNDESCRIBED = re.compile(
    r"(GET|DELETE) /v2/suppressions"
    r"|PUT /v2/contacts/[^/]+/data-fields"
    r"|GET /v2/contacts/[^/]+@[^/]+/address-books"
    r"|POST /v2/contacts/retrieve-collection"
    r"|\w+ /engage/v1/.*"
)

#: Operation -> success codes besides those described, each with its reason.
ALSO_ANSWERED: dict[str, dict[int, str]] = {
    "PUT /v2/contacts/{id}": {201: "the id 0 makes a contact, and the reference pages answer 201"},
    "POST /v2/accounts/empty-recycle-bin": {202: "the reference pages: it is done later"},
}

#: Operation -> why its body is not held against the description.
BODY_IS_ANOTHER: dict[str, str] = {
    "GET /v2/sms/campaigns": "described as one campaign; the reference pages answer a list of them",
    "GET /contacts/v3/delete/{deleteId}": "every identifier fits two alternatives, and has to fit one",
}

#: Operation -> (what is not looked at in its replies, where), each with its reason.
_NO_CONTENTS = "lists of campaigns have no contents, as the reference pages show; the type forbids it"
_EMPTY = "at least one is asked of what is sent; whoever has none answers an empty list"
OVERLOOKED: dict[str, dict[tuple[str, str], str]] = {
    "GET /v2/contacts/{id}": {("minLength", "email"): "somebody who has only a mobile number"},
    "GET /v2/contacts": {("minLength", "email"): "somebody who has only a mobile number"},
    "GET /v2/campaigns/{campaignId}/prepared-for-transactional-email/{email}": {
        ("minLength", "fromName"): "a campaign and an account that name no sender",
        ("minLength", "processedPlainTextContent"): "a text of nothing but the unsubscribe link",
    },
    **{
        f"GET /v2/{path}": {
            ("type", "htmlContent"): _NO_CONTENTS,
            ("type", "plainTextContent"): _NO_CONTENTS,
        }
        for path in (
            "campaigns",
            "campaigns/filtered",
            "campaigns/with-details",
            "campaigns/with-activity-since/{date}",
            "address-books/{addressBookId}/campaigns",
        )
    },
    "POST /marketing-email/v3/batch": {
        ("enum", "failureCode"): "each word has to be of two lists that have none in common"
    },
    **{
        f"{method} /contacts/v3/{{identifier}}/{{value}}": {
            ("minItems", "preferences"): _EMPTY,
            ("minItems", "lists"): _EMPTY,
            ("minItems", "consentRecords"): _EMPTY,
        }
        for method in ("GET", "PATCH", "PUT")
    },
}

#: Errors whose published text has no token.
OWN_WORDS = frozenset({"file must be valid"})
