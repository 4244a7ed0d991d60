from __future__ import annotations

from pathlib import Path

import pytest

from usher.definitions.errors import DefinitionsError
from usher.definitions.read import read


def faults(folder: Path) -> list[str]:
    with pytest.raises(DefinitionsError) as caught:
        read(folder)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_definitions_come_in_the_order_in_which_they_need_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("customer_lists: {everybody: {rule: email is set}}\n")
    (tmp_path / "b.yaml").write_text("tag_groups: {House: {description: Ours}}\n")
    assert [(one.section, one.name) for one in read(tmp_path)] == [
        ("tag_groups", "House"),
        ("customer_lists", "everybody"),
    ]


def test_a_misspelt_section_says_where_it_is_and_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "tags.yaml").write_text("# ours\nautotags:\n  X: {rule: a = 1}\n")
    assert faults(tmp_path) == ["tags.yaml:2: there is no section “autotags”; did you mean “auto_tags”?"]


def test_an_unknown_field_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tags.yaml").write_text("auto_tags:\n  LAPSED:\n    rule: a = 1\n    colour: red\n")
    (fault,) = faults(tmp_path)
    assert fault.startswith("tags.yaml:4: auto_tags “LAPSED”, colour: ")


def test_a_file_that_is_not_yaml_says_so_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("tags:\n  A: [1, 2\n")
    (fault,) = faults(tmp_path)
    assert fault.startswith("x.yaml:3: not YAML: ")


def test_the_same_name_twice_is_refused_whatever_its_case(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("customer_lists: {Everybody: {rule: email is set}}\n")
    (tmp_path / "b.yaml").write_text("customer_lists: {everybody: {rule: email is set}}\n")
    assert faults(tmp_path) == ["b.yaml:1: customer_lists “everybody” is already defined in a.yaml:1"]


def test_values_are_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "Ours & yours")
    (tmp_path / "a.yaml").write_text("tag_groups: {House: {description: 'of ${SHOP_NAME}'}}\n")
    assert read(tmp_path)[0].body.model_dump()["description"] == "of Ours & yours"


def test_a_missing_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    (tmp_path / "a.yaml").write_text("tag_groups: {House: {description: '${NOWHERE}'}}\n")
    assert faults(tmp_path) == ["a.yaml:1: tag_groups “House”: the environment variable NOWHERE is not set"]


def test_a_folder_without_definitions_is_an_error_not_an_empty_success(tmp_path: Path) -> None:
    assert faults(tmp_path)[0].endswith("no *.yaml file is in this folder")
    assert faults(tmp_path / "none")[0].endswith("this folder does not exist")
