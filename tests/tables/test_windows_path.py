"""One file of one Windows has one path, in whatever form its drive was collected."""

from __future__ import annotations

import pytest

from forensics.engine.duckdb_functions import add_functions, add_table
from forensics.tables.windows_path import WindowsPaths

MACHINES = [
    ("Windows", "C:"),
    ("C/Windows", "C:"),
    ("C:/Windows", "C:"),
    ("fs/C:/WINNT", "C:"),
    ("uploads/auto/C%3A/Windows", "D:"),
    ("2026-11-29T10:11:12/host/c/Windows", None),
    ("C/Windows.old/Windows", "C:"),
    (None, None),
    ("C/Windows.old(1)/Windows", "C:"),
    ("Windows.old.000/WINNT", "C:"),
    ("C/$WINDOWS.~BT/NewOS/Windows", "C:"),
    ("Windows.older/Windows", "C:"),
]
KEYS = "ProgramData/Microsoft/Crypto/Keys/f"
ON_WINDOWS = "\\ProgramData\\Microsoft\\Crypto\\Keys\\f"
PATHS = [
    (1, KEYS, f"C:{ON_WINDOWS}"),
    (2, f"C/{KEYS}", f"C:{ON_WINDOWS}"),
    (2, f"c/{KEYS}", f"C:{ON_WINDOWS}"),
    (3, f"C:/{KEYS}", f"C:{ON_WINDOWS}"),
    (4, f"fs/C:/{KEYS}", f"C:{ON_WINDOWS}"),
    (5, f"uploads/auto/C%3A/{KEYS}", f"D:{ON_WINDOWS}"),
    (6, f"2026-11-29T10:11:12/host/c/{KEYS}", f"%SystemDrive%{ON_WINDOWS}"),
    (7, f"C/Windows.old/{KEYS}", f"C:\\Windows.old{ON_WINDOWS}"),
    (1, f"Windows.old/{KEYS}", f"C:\\Windows.old{ON_WINDOWS}"),
    (8, KEYS, f"%SystemDrive%{ON_WINDOWS}"),
    (9, f"C/Windows.old(1)/{KEYS}", f"C:\\Windows.old(1){ON_WINDOWS}"),
    (10, f"Windows.old.000/{KEYS}", f"C:\\Windows.old.000{ON_WINDOWS}"),
    (11, f"C/$WINDOWS.~BT/NewOS/{KEYS}", f"C:\\$WINDOWS.~BT\\NewOS{ON_WINDOWS}"),
    (12, f"Windows.older/{KEYS}", f"C:{ON_WINDOWS}"),
    # A folder that merely begins like the drive's is another one.
    (2, f"Clients/{KEYS}", f"C:\\Clients{ON_WINDOWS}"),
    # Another drive, found by its letter; in a collection it may be a folder of that name.
    (1, f"D:/{KEYS}", f"D:{ON_WINDOWS}"),
    (3, f"D:/{KEYS}", f"D:{ON_WINDOWS}"),
    # No machine, as in the examples of rules.
    (99, KEYS, f"C:{ON_WINDOWS}"),
    (0, KEYS, f"C:{ON_WINDOWS}"),
    (1, None, None),
]


@pytest.mark.parametrize(("machine_id", "path", "on_windows"), PATHS)
def test_path_of_each_form(machine_id: int, path: str | None, on_windows: str | None) -> None:
    paths = WindowsPaths()
    for number, (system_root, drive) in enumerate(MACHINES, 1):
        paths.add(number, system_root, drive)
    assert paths.of(machine_id, path) == on_windows


def test_duckdb_writes_the_same_paths() -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    add_functions(connection)
    add_table(connection, "machine")
    for number, row in enumerate(MACHINES, 1):
        insert = "INSERT INTO machine (machine_id, source_path, system_root, drive) VALUES (?, 'x', ?, ?)"
        connection.execute(insert, [number, *row])
    for machine_id, path, on_windows in PATHS:
        told = connection.execute("SELECT windows_path(?, ?::VARCHAR)", [machine_id, path]).fetchone()
        assert told == (on_windows,), (machine_id, path)
