"""Calls that fit a description, and calls that do not: made from parameters and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from usher.engage.tests.conformance.described import Operation, resolved

DAY = "2026-01-01"
MOMENT = "2026-01-01T00:00:00Z"
GUID = "8758469c-40b1-4b0d-a1ab-d8fb5ee88a10"

#: What stands for a text of this name (lower case), where any text would not do.
TEXTS = {
    "email": "alice@example.com",
    "contactemail": "alice@example.com",
    "identifier": "email",
    "value": "alice@example.com",
    "telephonenumber": "447123123123",
    "date": DAY,
    "sincedate": DAY,
    "startdate": DAY,
    "enddate": DAY,
    "name": "EXAMPLE",
    "key": "FIRSTNAME",
    "toaddresses": "alice@example.com",
    "ccaddresses": "alice@example.com",
    "bccaddresses": "alice@example.com",
    "htmlcontent": '<a href="http://$UNSUB$">Leave</a>',
    "htmlcontents": '<a href="http://$UNSUB$">Leave</a>',
    "plaintextcontent": "Leave: http://$UNSUB$",
    "plaintextcontents": "Leave: http://$UNSUB$",
    "data": "RW1haWwKYUBleGFtcGxlLmNvbQo=",
    "content": "RW1haWwK",
}


def path(operation: Operation, ids: Mapping[str, int]) -> str:
    """The path with what exists in it: `ids` by the parameter's name in lower case."""
    made = operation.template
    for one in operation.parameters:
        if one["in"] == "path":
            made = made.replace(
                "{" + one["name"] + "}", str(_made(operation, one["name"], one["schema"], ids))
            )
    return made


def unreal_path(operation: Operation) -> str:
    """The path with ids of nothing."""
    made = operation.template
    for one in operation.parameters:
        if one["in"] == "path":
            kind = resolved(operation.document, one["schema"])
            value = "987654321" if kind.get("type") == "integer" else _made(operation, one["name"], kind, {})
            made = made.replace("{" + one["name"] + "}", str(value).replace("alice@", "nobody@"))
    return made


def body(operation: Operation, ids: Mapping[str, int]) -> Any:
    """What the operation takes, with all of its properties; None when it takes nothing."""
    schema = operation.body()
    return None if schema is None else _made(operation, "", schema, ids)


def _made(
    operation: Operation, name: str, schema: Mapping[str, Any], ids: Mapping[str, int], deep: int = 0
) -> Any:
    schema = resolved(operation.document, schema)
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return _made(operation, name, schema[several][0], ids, deep + 1)
    if "enum" in schema:
        return schema["enum"][-1] if schema["enum"][0] in ("Unknown", "Unset") else schema["enum"][0]
    if "allOf" in schema:
        whole: dict[str, Any] = {}
        for part in schema["allOf"]:
            made = _made(operation, name, part, ids, deep + 1)
            whole |= made if isinstance(made, dict) else {}
        return whole
    match schema.get("type"):
        case "integer" | "number":
            return ids.get(name.lower(), 1)
        case "boolean":
            return True
        case "array":
            return [_made(operation, name.removesuffix("s"), schema.get("items", {}), ids, deep + 1)]
        case "string":
            return _text(name, schema)
    if "properties" in schema and deep < 6:
        return {key: _made(operation, key, one, ids, deep + 1) for key, one in schema["properties"].items()}
    return {}


def _text(name: str, schema: Mapping[str, Any]) -> str:
    if schema.get("format") in ("guid", "uuid"):
        return GUID
    if schema.get("format") == "date-time":
        return MOMENT
    return TEXTS.get(name.lower(), TEXTS.get(f"{name.lower()}s", "example"))
