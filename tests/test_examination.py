"""examine(): one broken source or installation never stops the others."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.case_tables import CaseTables
from forensics.chain import judge as judge_module
from forensics.collectors import collect as collect_module
from forensics.collectors.evidence import rows_of
from forensics.tables.registry import CONTRACT_TABLES
from tests.paths import IMAGES

SAMPLE = IMAGES / "sample.vhdx.xz"


@pytest.fixture(scope="module")
def triage(realdata: Path) -> Path:
    return realdata / "student-pc8-win81.zip"


@pytest.fixture(scope="module")
def examined(triage: Path) -> CaseTables:
    return forensics.examine(triage, as_of=datetime(2026, 11, 21))


def test_real_triage_zip(examined: CaseTables, triage: Path) -> None:
    [machine] = examined.rows("machine")
    assert (machine.computer_name, machine.build) == ("STUDENT-PC8", "9600")
    assert [(s.path, s.machine_ids, s.error) for s in examined.sources] == [(str(triage), [1], None)]
    assert examined.as_of == datetime(2026, 11, 21, tzinfo=UTC)


def test_several_sources_are_numbered_through_and_a_lost_one_is_told(triage: Path, tmp_path: Path) -> None:
    other = SAMPLE
    case = forensics.examine(triage, tmp_path / "lost.vhdx", str(other))
    assert [s.machine_ids for s in case.sources] == [[1], [], [2]]
    assert [bool(s.error) for s in case.sources] == [False, True, False]
    assert {r.machine_id for r in case.rows("machine")} == {1, 2}
    lost = [r for r in case.rows("problem") if r.machine_id == 0]
    assert [(r.source_path, r.kind) for r in lost] == [(str(tmp_path / "lost.vhdx"), "not_found")]
    for table in ("certificate", "secret", "coverage"):
        assert {r.machine_id for r in case.rows(table)} >= {1, 2}


def test_a_failing_collector_is_a_problem_row_without_disk_content(
    monkeypatch: pytest.MonkeyPatch, triage: Path
) -> None:
    def fail(installation: Any) -> Any:
        raise ValueError("key material 0xdeadbeef")

    monkeypatch.setattr(collect_module, "collect", fail)
    case = forensics.examine(triage)
    [problem] = [r for r in case.rows("problem") if r.kind == "internal_error"]
    assert problem.message.startswith("keymortem failed on this evidence (ValueError in ")
    assert "deadbeef" not in problem.message


def test_evidence_stands_without_verdicts(monkeypatch: pytest.MonkeyPatch, triage: Path, examined: CaseTables) -> None:
    def fail(*arguments: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(judge_module.Judge, "judged", fail)
    case = forensics.examine(triage)
    assert case.rows("key_chain") == []
    assert len(case.rows("certificate")) == len(examined.rows("certificate")) > 0
    assert [r.kind for r in case.rows("problem")].count("internal_error") == 1


def test_progress_is_told(triage: Path) -> None:
    lines: list[str] = []
    forensics.examine(triage, progress=lines.append)
    assert lines[0] == f"opening {triage}"
    assert "judging keys of STUDENT-PC8" in lines


def test_no_source_is_an_error() -> None:
    with pytest.raises(ValueError, match="name at least one source"):
        forensics.examine()


def test_case_file_of_a_real_examination(examined: CaseTables, tmp_path: Path) -> None:
    examined.save(tmp_path / "c.sqlite")
    again = forensics.open_case(tmp_path / "c.sqlite")
    for table in CONTRACT_TABLES:
        assert again.rows(table) == examined.rows(table)
        assert len(again.frame(table)) == len(examined.rows(table))


def test_rows_of_takes_rows_wherever_they_are() -> None:
    @dataclasses.dataclass
    class Holder:
        row: Any

    @dataclasses.dataclass
    class Evidence:
        machine: Any
        things: list[Any]
        guid: str

    from tests.hand_made import chain, machine

    evidence = Evidence(machine(), [Holder(chain()), chain(), "x"], "y")
    assert list(rows_of(evidence)) == [machine(), chain(), chain()]


@pytest.fixture(scope="module")
def sample() -> CaseTables:
    return forensics.examine(SAMPLE, as_of=datetime(2026, 11, 22), second_opinion=True)


def test_sample_disk_agrees_with_its_truth(sample: CaseTables) -> None:
    truth = json.loads(SAMPLE.with_name("sample.truth.json").read_text())
    [machine] = truth["machines"]
    wanted = {(row["thumbprint"], row["key_file_path"]): row["verdict"] for row in machine["key_chain"]}
    assert {(r.thumbprint, r.key_file_path): r.verdict for r in sample.rows("key_chain")} == wanted
    assert len(wanted) > 10


def test_second_opinion_agrees_about_the_sample_disk(sample: CaseTables) -> None:
    [row] = [r for r in sample.rows("coverage") if r.area == "proof"]
    agreed, asked = map(int, re.findall(r"\d+", row.detail))
    assert agreed == asked > 20
    assert [r.message for r in sample.rows("problem") if r.kind == "second_opinion"] == []


def test_frames_of_the_sample_disk(sample: CaseTables) -> None:
    chain = sample.key_chain
    assert chain.groupby("verdict").size().to_dict() == {
        verdict: sum(r.verdict == verdict for r in sample.rows("key_chain"))
        for verdict in ("unknown", "unusable", "usable")
    }
    merged = chain.merge(sample.certificates, on="thumbprint", suffixes=("", "_certificate"))
    assert len(merged) == chain.thumbprint.notna().sum()
