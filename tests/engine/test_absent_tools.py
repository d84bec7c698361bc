"""Below a text stands which of its tools the machine's Windows lacks, and nothing below one that has them all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.engine.absent_tools import about_absent_tools
from forensics.engine.loader import load_packs
from forensics.engine.run import run
from forensics.tables.finding import Block, as_text
from tests.engine.rule_files import tables, write_rules

XP, SERVER_2003, VISTA, SERVER_2012_R2, SERVER_2019, SERVER_2025 = 2600, 3790, 6002, 9600, 17763, 26100


def told(command: str, build: int | None, language: str = "en") -> str:
    return as_text(about_absent_tools([Block("paragraph", "Do:"), Block("command", command)], build, language)).strip()


@pytest.mark.parametrize(
    ("command", "lacking", "having", "instead"),
    [
        ('certutil -repairstore "MY" AA', XP, SERVER_2003, "Administration Tools Pack"),
        ("certreq -enroll -machine -cert AA renew", SERVER_2003, SERVER_2012_R2, "certreq -new, -submit and -accept"),
        ("netsh http show sslcert", SERVER_2003, VISTA, "httpcfg query ssl"),
        ('icacls "C:\\f" /grant *S-1-5-18:F', XP, VISTA, "cacls"),
        ("Restart-Service -Force TermService", VISTA, SERVER_2012_R2, "services.msc"),
        ("Get-CimInstance -Namespace root/cimv2 | Set-CimInstance", 7601, SERVER_2012_R2, "wmic, or Get-WmiObject"),
        ("wmic /namespace:x", SERVER_2025, SERVER_2019, "Get-CimInstance"),
    ],
)
def test_what_is_lacking_is_told_with_what_there_is(command: str, lacking: int, having: int, instead: str) -> None:
    assert told(command, lacking).startswith(f"On this machine (build {lacking}): ")
    assert instead in told(command, lacking)
    assert f"(ビルド {lacking})" in told(command, lacking, "ja")
    assert told(command, having) == ""


def test_nothing_is_said_where_the_build_is_not_known_or_nothing_is_named() -> None:
    assert told("netsh http show sslcert", None) == ""
    assert told("copy /b a b", XP) == ""


def test_a_finding_speaks_of_its_own_machine(tmp_path: Path) -> None:
    written = write_rules(tmp_path, {"id": "a", "remedy": "Look:\n    netsh http show sslcert"})
    rows = tables(
        {
            "machine": [{"machine_id": 1, "build": "3790"}, {"machine_id": 2, "build": "17763"}, {"machine_id": 3}],
            "key_chain": [{"machine_id": n, "thumbprint": "AA", "access": "denied"} for n in (1, 2, 3)],
        }
    )
    result = run(load_packs([written], built_in=False), rows, datetime(2026, 11, 22, tzinfo=UTC))
    assert {f.machine_id: "httpcfg" in as_text(f.remedy) for f in result.findings} == {1: True, 2: False, 3: False}
