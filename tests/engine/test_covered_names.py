"""What ``covered`` asks for must be something that coverage can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forensics.engine.covered_names import LONGEST_NAME, share_a_text
from forensics.engine.loader import load_packs
from forensics.engine.rule import RulePackError
from tests.engine.rule_files import write_rules
from tests.time_bound import within

HIVES = "SYSTEM, SOFTWARE, SECURITY, SAM, DEFAULT, NTUSER.DAT of ..."


def refused(folder: Path, covered: Any) -> list[str]:
    asked = {"name": "told", "from": "event", "where": "event.machine_id = this.machine_id", "covered": covered}
    rules = write_rules(folder, {"when": {"none-of": asked}})
    try:
        load_packs([rules], built_in=False)
    except RulePackError as error:
        return [str(problem).removeprefix(f"{folder}/0-rule.yaml:7: ") for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("covered", "message"),
    [
        (
            {"area": "hives", "name": "SYSTEMM"},
            "coverage has no area 'hives'; it has hive, registry, folder, volume, log, file, certificate, proof, uses",
        ),
        ({"area": "hive", "name": "SYSTEMM"}, f"no place in area hive is called 'SYSTEMM'; there are {HIVES}"),
        ({"area": "hive", "name": ["SYSTEM", "%COMPONENTS"]}, None),
        ({"area": "hive", "name": "COMPONENTS%"}, f"no place in area hive is called 'COMPONENTS%'; there are {HIVES}"),
        (
            {"area": ["registry", "proof"], "name": "ACPI"},
            "no place in area registry or proof is called 'ACPI'; there are ACPI devices (TPM), TPM, second opinion",
        ),
        ([{"area": "hive", "name": "system"}, {"area": "log", "name": "System.evtx"}], None),
        ({"area": "log", "name": "%.evtx"}, None),
        ({"area": "log", "name": "Microsoft-Windows-CAPI2%4Operational.evtx"}, None),
        ({"area": "log", "source_path": "%Sysprep/Panther%"}, None),
        ({"area": "hive", "name": "NTUSER.DAT of S-1-5-21-1"}, None),
        ({"area": "folder", "name": "RSA/MachineKeys (capi, machine)"}, None),
        ({"area": "certificate", "name": "AA"}, None),
    ],
)
def test_areas_and_names(covered: Any, message: str | None, tmp_path: Path) -> None:
    assert refused(tmp_path, covered) == ([] if message is None else [message])


def test_each_wrong_place_is_told(tmp_path: Path) -> None:
    told = refused(tmp_path, [{"area": "hive", "name": "SYS"}, {"area": ["hive", "logs"], "name": "x"}])
    assert told == [
        f"no place in area hive is called 'SYS'; there are {HIVES}",
        "coverage has no area 'logs'; it has hive, registry, folder, volume, log, file, certificate, proof, uses",
    ]


@pytest.mark.parametrize(
    ("asked", "known", "shared"),
    [
        ("", "", True),
        ("a", "", False),
        ("%", "", True),
        ("", "*", True),
        ("abc", "abc", True),
        ("abc", "ab", False),
        ("ab", "abc", False),
        ("a%", "a", True),
        ("a%c", "abbc", True),
        ("a%c", "abbd", False),
        ("%b%", "abc", True),
        ("%%", "abc", True),
        ("abc", "a*", True),
        ("abd", "a*c", False),
        ("a%", "*b", True),
        ("a%b", "c*", False),
        ("%x", "*y", False),
        ("%x%", "*y", True),
        ("x", "**x", True),
    ],
)
def test_two_patterns_share_a_text(asked: str, known: str, shared: bool) -> None:
    assert share_a_text(asked, known) is shared


def test_a_hostile_pattern_is_bounded(tmp_path: Path) -> None:
    with within(0.5):
        [told] = refused(tmp_path, {"area": "hive", "name": "%a" * 50_000})
    assert told.startswith("no place in area hive is called '%a%a")
    assert len(told) < LONGEST_NAME + 200
