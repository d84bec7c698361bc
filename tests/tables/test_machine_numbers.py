"""Rows whose machines get other numbers: in every column that names one, and in no other."""

from __future__ import annotations

from dataclasses import fields

from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine_numbers import renumbered
from forensics.tables.record import ProblemRow
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import NAMES_MACHINE
from tests.hand_made import chain


def test_every_column_that_names_a_machine_gets_the_other_number() -> None:
    row: KeyChainRow = chain(machine_id=2, recoverable_on=3, key_copy_on=None)
    other = renumbered(row, lambda number: number + 40)
    assert (other.machine_id, other.recoverable_on, other.key_copy_on) == (42, 43, None)
    assert (row.machine_id, row.recoverable_on) == (2, 3)
    assert other.thumbprint == row.thumbprint


def test_what_is_of_no_machine_stays_so() -> None:
    row = ProblemRow(machine_id=0, source_path="disk", kind="x", message="m", offset=0)
    assert renumbered(row, lambda number: number + 40) == row


def test_every_column_whose_text_says_so_is_marked() -> None:
    said = {
        (table, field.name)
        for table, row_class in ROW_CLASSES.items()
        for field in fields(row_class)
        if "`machine.machine_id`" in field.metadata["doc"]
    }
    marked = {
        (table, field.name)
        for table, row_class in ROW_CLASSES.items()
        for field in fields(row_class)
        if field.metadata[NAMES_MACHINE]
    }
    assert marked == said
    assert ("key_chain", "recoverable_on") in marked
    assert ("shared_identity", "member") in marked
