"""What Dotdigital describes of its API: operations, what they take, and what their replies look like.

The files under openapi/ are its published descriptions without their prose: paths, parameters,
schemas, status codes.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator

HERE = Path(__file__).parent
#: What belongs to the API that clients of lists, campaigns and programs use.
DOCUMENTS = (
    "v2.json",
    "v3/contacts.json",
    "v3/events.json",
    "v3/marketing-email.json",
    "v3/configuration.json",
    "cpaas/messages.json",
    "cpaas/webhooks.json",
)
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One path and method as they are described."""

    document: str
    method: str
    template: str
    described: Mapping[str, Any] = field(hash=False, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @cached_property
    def parameters(self) -> list[Mapping[str, Any]]:
        found = [*document(self.document)["paths"][self.template].get("parameters", ())]
        found += self.described.get("parameters", ())
        return [resolved(self.document, one) for one in found]

    @cached_property
    def statuses(self) -> frozenset[int]:
        return frozenset(int(code) for code in self.described["responses"])

    @cached_property
    def fits(self) -> re.Pattern[str]:
        kinds = {one["name"]: one.get("schema", {}) for one in self.parameters if one["in"] == "path"}
        pattern = ""
        for piece in re.split(r"(\{\w+\})", self.template):
            is_name = piece.startswith("{")
            pattern += _pattern(self.document, kinds.get(piece[1:-1], {})) if is_name else re.escape(piece)
        return re.compile(pattern)

    @property
    def fixed(self) -> int:
        """How much of the path is no parameter: of two that fit, the one with more is meant."""
        return len(re.sub(r"\{\w+\}", "", self.template))

    def body(self) -> Mapping[str, Any] | None:
        """The schema of what it takes, if it takes a body."""
        sent = resolved(self.document, self.described.get("requestBody", {})).get("content", {})
        return next((kind["schema"] for kind in sent.values() if "schema" in kind), None)


@cache
def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "openapi" / name).read_text("utf-8"))
    return found


def with_wholes(name: str) -> dict[str, Any]:
    """The description with each object that is made of several put together into one (see _json_schema)."""
    found = copy.deepcopy(document(name))
    schemas = found.get("components", {}).get("schemas", {})
    for key, schema in schemas.items():
        if "allOf" in schema:
            schemas[key] = _together(schema["allOf"], name)
    return found


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(_operations())


@cache
def tokens() -> frozenset[str]:
    """The published words of errors."""
    return frozenset((HERE / "tokens.txt").read_text("ascii").split())


def meant(method: str, path: str) -> list[Operation]:
    """The operations that a call may mean: several where routes differ only in the type of a parameter."""
    path = re.sub(r"/{2,}", "/", path).rstrip("/")
    found = [one for one in operations() if one.method == method and one.fits.fullmatch(path)]
    most = max((one.fixed for one in found), default=0)
    return [one for one in found if one.fixed == most]


def resolved(name: str, node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node itself, also where it only refers to another."""
    while "$ref" in node:
        place: Any = document(name)
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


@cache
def validator(operation: Operation, status: int) -> Validator | None:
    """What checks a reply's body; None where nothing is described of it."""
    reply = resolved(operation.document, operation.described["responses"][str(status)])
    schema = reply.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return None
    components = document(operation.document).get("components", {})
    whole = _json_schema({"schema": schema, "components": components}, operation.document)
    return Draft202012Validator({"$ref": "#/schema", **whole}, format_checker=_formats())


@cache
def _formats() -> FormatChecker:
    checks = FormatChecker(())
    checks.checks("date-time")(_is_moment)
    for name in ("uuid", "guid"):
        checks.checks(name)(_is_guid)
    checks.checks("ipv4", ValueError)(IPv4Address)
    checks.checks("ipv6", ValueError)(IPv6Address)
    return checks


def _is_moment(value: object) -> bool:
    """As Dotdigital writes it: UTC, with milliseconds."""
    return value is None or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(value)))


def _is_guid(value: object) -> bool:
    return value is None or bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(value)))


def _operations() -> Iterator[Operation]:
    for name in DOCUMENTS:
        for template, item in document(name)["paths"].items():
            for method in METHODS:
                if method in item:
                    yield Operation(name, method.upper(), template, item[method])


def _pattern(name: str, schema: Mapping[str, Any]) -> str:
    """What a parameter of this type looks like in a path."""
    schema = resolved(name, schema)
    if "enum" in schema:
        return "(?i:" + "|".join(str(one) for one in schema["enum"]) + ")"
    return r"\d+" if schema.get("type") == "integer" else r"[^/]+"


def _json_schema(node: Any, name: str) -> Any:
    """The OpenAPI schema of a reply as JSON Schema, where what may be null says so.

    Objects of version 2 are written by a generator, and always have all of their properties. Of an object
    that is made of several, each part forbids what the others have: they are put together into one.
    """
    if isinstance(node, list):
        return [_json_schema(one, name) for one in node]
    if not isinstance(node, dict):
        return node
    if "allOf" in node:
        node = {key: value for key, value in node.items() if key != "allOf"} | _together(node["allOf"], name)
    made = {key: _json_schema(value, name) for key, value in node.items() if key != "nullable"}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and name == "v2.json":
        made["required"] = [*made["properties"]]
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def _together(parts: list[Any], name: str) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for part in parts:
        part = resolved(name, part)
        if "allOf" in part:
            part = _together(part["allOf"], name)
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", ()), *part.get("required", ())]
        whole |= {**part, **({"properties": properties} if properties else {})}
        whole |= {"required": required} if required else {}
    return whole
