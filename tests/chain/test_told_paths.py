"""Reasons tell paths as the examined Windows writes them, however deep they stand; places in hives stay."""

from __future__ import annotations

from forensics.chain.told_paths import told
from forensics.language import sentence
from forensics.tables.machine import MachineRow
from forensics.tables.windows_path import WindowsPaths

PATHS = WindowsPaths([MachineRow(machine_id=1, source_path="x", system_root="C/Windows", drive="C:")])


def test_a_path_in_a_sentence_of_a_sentence() -> None:
    why = sentence("{path} could not be read", path="C/Windows/System32/Microsoft/Protect/S-1-5-18/a")
    said = told(sentence("not searched: {why}", why=why), 1, PATHS)
    assert said == "not searched: C:\\Windows\\System32\\Microsoft\\Protect\\S-1-5-18\\a could not be read"


def test_what_is_no_path_of_a_file_stays() -> None:
    place = sentence("{path} names it", path="C/Windows/System32/config/SYSTEM\\ControlSet001")
    assert told(place, 1, PATHS) is place
    assert told("C/Windows/a", 1, PATHS) == "C/Windows/a"
