"""Write what is defined back into YAML files that `apply` reads; secrets are left out."""

from __future__ import annotations

from pathlib import Path

import yaml

from usher.definitions.sections import SINGLE, room_of


def export(folder: Path) -> list[Path]:
    """One file a section that has something in it; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for section, room in room_of().items():
        bodies = room.export(section)
        if not bodies:
            continue
        body: object = next(iter(bodies.values())) if section in SINGLE else bodies
        path = folder / f"{section}.yaml"
        text = yaml.safe_dump({section: body}, allow_unicode=True, sort_keys=False, width=100)
        path.write_text(text, "utf-8")
        written.append(path)
    return written
