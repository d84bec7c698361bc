"""Every row class is known by name, and its columns can be written down."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import pytest

import forensics.tables
from forensics.tables import registry
from forensics.tables.registry import CONTRACT_TABLES, ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.row import Row


def all_row_classes() -> set[type[Row]]:
    for module in pkgutil.iter_modules(forensics.tables.__path__):
        importlib.import_module(f"forensics.tables.{module.name}")
    # A dataclass with slots leaves its first self behind: only what its module still names counts.
    named = {
        value for module in list(sys.modules.values()) for value in vars(module).values() if isinstance(value, type)
    }
    return {c for c in Row.__subclasses__() if c.__module__.startswith("forensics.tables.") and c in named}


def test_no_row_class_is_forgotten() -> None:
    assert all_row_classes() == set(ROW_CLASSES.values())


def test_every_row_class_is_a_table_of_the_contract() -> None:
    assert set(ROW_CLASSES) <= set(CONTRACT_TABLES)


def test_every_column_is_documented_in_one_line() -> None:
    specs = [spec for table in ROW_CLASSES for spec in column_specs(table)]
    assert len(specs) > 150
    assert [s.name for s in specs if not s.doc or "\n" in s.doc] == []


def test_kinds_of_columns() -> None:
    kinds = {s.name: (s.kind, s.nullable) for s in column_specs("certificate")}
    assert kinds["thumbprint"] == ("text", False)
    assert kinds["key_bits"] == ("integer", True)
    assert kinds["not_after"] == ("datetime", True)
    assert kinds["self_signed"] == ("boolean", True)
    assert kinds["eku"] == ("list", False)


def test_words_of_columns_are_those_of_their_types() -> None:
    """The registry reads annotations in its own, quicker way."""
    for table, row_class in ROW_CLASSES.items():
        hints = get_type_hints(row_class)
        for spec in column_specs(table):
            [hint] = [part for part in _parts(hints[spec.name]) if part is not type(None)]
            if get_origin(hint) is list:
                [hint] = get_args(hint)
            words = get_args(hint) if get_origin(hint) is Literal else ()
            assert spec.possible_values == words, f"{table}.{spec.name}"


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


@pytest.mark.parametrize(
    ("table", "column", "kind", "words"),
    [
        ("key_chain", "verdict", "text", ("usable", "unusable", "unknown")),
        ("key_chain", "provider_kind", "text", ("capi", "cng", "tpm", "smart_card", "other")),
        ("shared_identity", "shares", "list", ("machine_sid", "machine_guid", "dpapi_system", "ek_pub")),
        ("key_file", "tpm_version", "text", ("1.2", "2.0")),
        ("certificate", "subject", "text", ()),
        ("certificate", "eku", "list", ()),
    ],
)
def test_words_of_some_columns(table: str, column: str, kind: str, words: tuple[str, ...]) -> None:
    [spec] = [spec for spec in column_specs(table) if spec.name == column]
    assert (spec.kind, spec.possible_values) == (kind, words)


def test_no_documentation_lists_words_that_its_type_does_not_hold() -> None:
    listed = re.compile(r"[a-z_]+(?:, [a-z_]+)*(?: or |, )[a-z_]+(?:[:;]|$)")
    specs = [(table, spec) for table in ROW_CLASSES for spec in column_specs(table)]
    assert [f"{table}.{spec.name}" for table, spec in specs if listed.match(spec.doc)] == []


def test_the_meaning_names_the_words() -> None:
    assert ColumnSpec("a", "text", False, "what it is", ("x", "y", "z")).meaning == "x, y or z: what it is"
    assert ColumnSpec("a", "text", False, "what it is", ("x", "y")).meaning == "x or y: what it is"
    assert ColumnSpec("a", "text", False, "what it is").meaning == "what it is"


def test_provenance_stands_around_the_tables_own_columns() -> None:
    names = [s.name for s in column_specs("service")]
    assert names == [
        "machine_id",
        "name",
        "start",
        "delayed",
        "account",
        "image_path",
        "sid_type",
        "source_path",
        "source_time",
    ]


def test_table_without_row_class_has_no_columns() -> None:
    assert column_specs("nothing") == ()


def test_a_column_no_case_file_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ROW_CLASSES, "odd", OddRow)
    with pytest.raises(TypeError, match=r"column odd\.parts has a type no case file can hold"):
        column_specs("odd")


@dataclass(kw_only=True)
class OddRow(Row):
    table: ClassVar[str] = "odd"
    description: ClassVar[str] = "not a table"

    parts: set[str] = field(metadata={"doc": "what SQLite has no word for"})
