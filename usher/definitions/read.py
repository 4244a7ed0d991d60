"""Read a folder of YAML files into checked definitions, each of which knows its file and line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from usher.definitions.errors import DefinitionsError, Fault
from usher.definitions.sections import SINGLE, room_of

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Definition:
    """One named thing of one section."""

    section: str
    name: str
    body: BaseModel
    file: Path
    line: int


def read(folder: Path, sections: Collection[str] | None = None) -> list[Definition]:
    """Every definition of the folder's *.yaml and *.yml files (not of its subfolders), or of some sections.

    Raises DefinitionsError with everything that is wrong, not just the first thing.
    """
    if not folder.is_dir():
        raise DefinitionsError([Fault(str(folder), 0, "this folder does not exist")])
    files = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if not files:
        raise DefinitionsError([Fault(str(folder), 0, "no *.yaml file is in this folder")])
    faults: list[Fault] = []
    found = [definition for file in files for definition in _file(file, sections, faults)]
    faults += _twice(found)
    if faults:
        raise DefinitionsError(faults)
    order = list(room_of())
    return sorted(found, key=lambda definition: order.index(definition.section))


def _file(path: Path, sections: Collection[str] | None, faults: list[Fault]) -> Iterator[Definition]:
    try:
        text = path.read_text("utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        faults.append(Fault(str(path), 0, "the file is not UTF-8 text"))
        return
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 0
        faults.append(Fault(str(path), line, f"not YAML: {problem.problem}"))
        return
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        faults.append(Fault(str(path), root.start_mark.line + 1, "a file is a mapping of sections"))
        return
    for key, value in root.value:
        if sections is None or str(key.value) in sections:
            yield from _section(path, str(key.value), key.start_mark.line + 1, value, faults)


def _section(
    path: Path, section: str, line: int, node: yaml.Node, faults: list[Fault]
) -> Iterator[Definition]:
    room = room_of().get(section)
    if room is None:
        near = difflib.get_close_matches(section, room_of(), 1)
        hint = f"; did you mean “{near[0]}”?" if near else f"; sections are {', '.join(room_of())}"
        faults.append(Fault(str(path), line, f"there is no section “{section}”{hint}"))
        return
    if section in SINGLE:
        entries = [("", line, node)]
    elif isinstance(node, yaml.MappingNode):
        entries = [(str(key.value), key.start_mark.line + 1, value) for key, value in node.value]
    else:
        faults.append(Fault(str(path), line, f"section “{section}” is a mapping of names"))
        return
    for name, at, value in entries:
        definition = _definition(path, section, name, at, value, room.SECTIONS[section], faults)
        if definition:
            yield definition


def _definition(
    path: Path,
    section: str,
    name: str,
    line: int,
    node: yaml.Node,
    model: type[BaseModel],
    faults: list[Fault],
) -> Definition | None:
    called = f"{section} “{name}”" if name else section
    try:
        body = _filled_in(yaml.SafeLoader("").construct_document(node))
    except RecursionError:
        faults.append(
            Fault(str(path), line, f"{called}: it contains itself (an alias inside its own anchor)")
        )
        return None
    except KeyError as missing:
        message = f"{called}: the environment variable {missing.args[0]} is not set"
        faults.append(Fault(str(path), line, message))
        return None
    except yaml.MarkedYAMLError as problem:
        at = problem.problem_mark.line + 1 if problem.problem_mark else line
        faults.append(Fault(str(path), at, f"{called}: {problem.problem}"))
        return None
    try:
        return Definition(section, name, model.model_validate(body if body is not None else {}), path, line)
    except ValidationError as problem:
        for error in problem.errors():
            field = ".".join(str(part) for part in error["loc"])
            message = f"{called}, {field}: {error['msg']}" if field else f"{called}: {error['msg']}"
            faults.append(Fault(str(path), _line_of(node, error["loc"]) or line, message))
        return None


def _filled_in(value: object) -> object:
    """`value` with every ${NAME} replaced from the environment; KeyError(NAME) if it is not there."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: os.environ[match[1]], value)
    if isinstance(value, dict):
        return {key: _filled_in(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled_in(part) for part in value]
    return value


def _line_of(node: yaml.Node, location: tuple[int | str, ...]) -> int | None:
    """The line at which the field at `location` stands, as deep as the file goes."""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if str(k.value) == str(part)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def _twice(definitions: list[Definition]) -> Iterator[Fault]:
    seen: dict[tuple[str, str], Definition] = {}
    for definition in definitions:
        first = seen.setdefault((definition.section, definition.name.lower()), definition)
        if first is not definition:
            called = f"{definition.section} “{definition.name}”"
            message = f"{called} is already defined in {first.file.name}:{first.line}"
            yield Fault(str(definition.file), definition.line, message)
