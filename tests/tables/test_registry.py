"""Every row class is known by name, and its columns can be written down."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

import forensics.tables
from forensics.tables import registry
from forensics.tables.registry import CONTRACT_TABLES, ROW_CLASSES, column_specs
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


def test_provenance_stands_around_the_tables_own_columns() -> None:
    names = [s.name for s in column_specs("service")]
    assert names == ["machine_id", "name", "start", "delayed", "account", "image_path", "source_path", "source_time"]


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
