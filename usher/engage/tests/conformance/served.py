"""Which of the described operations are served, as the page for readers shows it.

`python -m usher.engage.tests.conformance.served` writes docs/dotdigital-compatibility.md.
"""

from __future__ import annotations

import inspect
import os
from collections import Counter
from pathlib import Path

from django.urls import Resolver404, resolve

from usher.engage.tests.conformance import samples
from usher.engage.tests.conformance.contradictions import ALSO_ANSWERED, BODY_IS_ANOTHER, OVERLOOKED
from usher.engage.tests.conformance.described import Operation, operations

PAGE = Path(__file__).parents[4] / "docs" / "dotdigital-compatibility.md"
URLCONFS = {
    "v2.json": "usher.engage.api.v2.urls",
    "v3/": "usher.engage.api.v3.urls",
    "cpaas/": "usher.engage.api.cpaas.urls",
}
HEAD = """# Compatibility with Dotdigital

Every operation that Dotdigital describes of the parts that Usher is about, and whether Usher serves it. What
is not served answers 403 `ERROR_FEATURENOTACTIVE`. This page is made from the published descriptions and from
what the server routes: `python -m usher.engage.tests.conformance.served` writes it, and a test fails when it
is stale. In the tests every reply is held against its description; the notes name the exceptions,
[Engage](engage.md) the choices. `make test-clients` runs two public clients, dotmailer and Segment's
destination, against the server.

"""


def is_served(operation: Operation) -> bool:
    urlconf = next(conf for start, conf in URLCONFS.items() if operation.document.startswith(start))
    try:
        match = resolve(samples.path(operation, {}), urlconf)
    except Resolver404:
        return False
    return operation.method in inspect.getclosurevars(match.func).nonlocals["by_method"]


def page() -> str:
    """The whole page."""
    parts = [HEAD, _sums()]
    for document in dict.fromkeys(one.document for one in operations()):
        parts.append(f"\n## {_title(document)}\n\n| operation | served | notes |\n|---|---|---|\n")
        parts += [_row(one) for one in operations() if one.document == document]
    return "".join(parts)


def _sums() -> str:
    described = Counter(one.document for one in operations())
    served = Counter(one.document for one in operations() if is_served(one))
    rows = [f"| {_title(name)} | {count} | {served[name]} |\n" for name, count in described.items()]
    total = f"| **together** | {sum(described.values())} | {sum(served.values())} |\n"
    return "".join(["| part | described | served |\n|---|---:|---:|\n", *rows, total])


def _title(document: str) -> str:
    return {"v2.json": "Version 2"}.get(document, document.removesuffix(".json").replace("/", ": "))


def _row(operation: Operation) -> str:
    return f"| `{operation}` | {'yes' if is_served(operation) else '403'} | {_notes(operation)} |\n"


def _notes(operation: Operation) -> str:
    name = str(operation)
    notes = [f"also answers {status}: {why}" for status, why in ALSO_ANSWERED.get(name, {}).items()]
    notes += [BODY_IS_ANOTHER[name]] if name in BODY_IS_ANOTHER else []
    by_reason: dict[str, list[str]] = {}
    for (_, where), why in OVERLOOKED.get(name, {}).items():
        by_reason.setdefault(why, []).append(f"`{where}`")
    notes += [f"{', '.join(places)}: {why}" for why, places in by_reason.items()]
    return "; ".join(notes) if is_served(operation) else ""


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "usher.settings")
    import django

    django.setup()
    PAGE.write_text(page(), "utf-8")
    print(f"written to {PAGE}")
