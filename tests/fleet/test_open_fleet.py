"""A fleet in Python: relations of what counts, frames with a case's dtypes, and each disk's case put together again."""

from __future__ import annotations

from pathlib import Path

import pytest

import forensics
from forensics.fleet.dataset import Dataset
from forensics.fleet.fold import fold
from forensics.fleet.machine_number import in_fleet
from forensics.report.json import document
from forensics.tables.finding import Finding
from forensics.tables.finding_json import as_json
from tests.examined import examined
from tests.fleet.small_fleet import add, add_across, made
from tests.oracles import other_reader
from tests.report.first_screen.test_screen import finding

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")

NAMES = ("sample", "web-server", "hyperv-source", "laptop", "two-windows")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    whole = made(tmp_path_factory.mktemp("fleets") / "fleet")
    for name in NAMES:
        add(whole, f"nas/{name}.vhdx", examined(name))
    add(whole, "nas/torn.vhdx", state="failed", error="its header is damaged")
    return whole


@pytest.fixture
def fleet(dataset: Dataset) -> forensics.Fleet:
    return forensics.open_fleet(dataset.path)


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_put_together_again(fleet: forensics.Fleet, name: str) -> None:
    was, found = examined(name), fleet.case(f"nas/{name}.vhdx")
    assert document(found) == document(was)
    assert found.finding_list == was.finding_list
    assert [forensics.render(found, form) for form in ("screen", "text")] == [
        forensics.render(was, form) for form in ("screen", "text")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_its_texts_can_be_told_in_another_language(fleet: forensics.Fleet, name: str) -> None:
    was, found = examined(name), fleet.case(f"nas/{name}.vhdx")
    assert forensics.render(found, "text", language="ja") == forensics.render(was, "text", language="ja")


def test_it_is_when_parts_were_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.fleet.fold.LEAST", 1)
    whole = made(tmp_path / "fleet")
    for name in NAMES[:2]:
        add(whole, f"{name}.vhdx", examined(name))
    fold(whole)
    assert not [path for path in whole.files("key_chain") if not path.name.startswith("folded-")]
    for name in NAMES[:2]:
        assert document(forensics.open_fleet(whole.path).case(f"{name}.vhdx")) == document(examined(name))


def test_a_disk_is_found_by_path_by_the_end_of_it_and_by_key(fleet: forensics.Fleet) -> None:
    key = fleet.key_of("nas/sample.vhdx")
    assert len(key) == 32
    assert [fleet.key_of(name) for name in (key, key[:6], "sample.vhdx")] == [key] * 3
    for wrong, told in (
        ("ample.vhdx", "there is no such disk"),
        (key[:5], "there is no such disk"),
        ("", "there is no"),
    ):
        with pytest.raises(forensics.UnknownDiskError, match=told):
            fleet.case(wrong)


def test_several_disks_of_one_name_are_not_guessed(tmp_path: Path) -> None:
    whole = made(tmp_path / "fleet")
    add(whole, "a/disk.vhdx", state="failed", error="no")
    add(whole, "b\\disk.vhdx", state="failed", error="no")
    with pytest.raises(forensics.UnknownDiskError, match="several disks are called so; name the whole path"):
        forensics.open_fleet(whole.path).case("disk.vhdx")


def test_a_disk_of_which_nothing_was_examined_has_an_empty_case(fleet: forensics.Fleet) -> None:
    assert fleet.case("torn.vhdx").is_empty


def test_relations_are_of_every_table(fleet: forensics.Fleet) -> None:
    [(count,)] = fleet.relation("key_chain").aggregate("count(*)").fetchall()
    assert count == sum(len(examined(name).rows("key_chain")) for name in NAMES)
    with pytest.raises(KeyError, match="no table 'nothing'; there are disk, machine"):
        fleet.relation("nothing")
    assert fleet.relation("across.finding").fetchall() == []


def test_frames_have_the_dtypes_of_a_case(fleet: forensics.Fleet) -> None:
    case, frame = examined("sample"), fleet.frame("key_chain")
    assert list(frame.columns[:3]) == ["disk", "row_number", "machine_id"]
    own = case.key_chain
    assert {name: str(frame[name].dtype) for name in own.columns} == {n: str(own[n].dtype) for n in own.columns}
    assert fleet.frame("across.shared_identity").empty


def test_disks_and_findings(fleet: forensics.Fleet) -> None:
    disks = fleet.disks.set_index("path")
    assert disks.loc["nas/torn.vhdx", "error"] == "its header is damaged"
    assert disks.loc["nas/web-server.vhdx", "dead"] == 1
    assert len(disks.loc[["nas/two-windows.vhdx"]]) == 2
    findings = fleet.findings
    assert str(findings.severity[0]) == "critical"
    assert (findings.severity >= "high").sum() == sum(
        f.severity in ("critical", "high") for name in NAMES for f in examined(name).finding_list
    )


def test_one_select_is_asked_and_nothing_is_written(fleet: forensics.Fleet, tmp_path: Path) -> None:
    assert fleet.sql("SELECT count(*) FROM disk WHERE state = 'examined'").fetchall() == [(len(NAMES),)]
    target = tmp_path / "x.csv"
    for wrong in (f"COPY disk TO '{target}'", "DELETE FROM disk", "SELECT 1; SELECT 2", "ATTACH 'x.db'"):
        with pytest.raises(ValueError, match="asked by one SELECT, and never written"):
            fleet.sql(wrong)
    assert not target.exists()


def test_opening_and_reading_changes_no_file(dataset: Dataset) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.path.rglob("*")}
    with forensics.open_fleet(dataset.path) as opened:
        opened.case("sample.vhdx")
        repr(opened), opened._repr_html_()
    assert {path: path.stat().st_mtime_ns for path in dataset.path.rglob("*")} == before


def test_what_spans_machines_is_in_the_case_of_its_machine(tmp_path: Path) -> None:
    whole = made(tmp_path / "fleet")
    key = add(whole, "sample.vhdx", examined("sample"))
    shared = _across(finding("high", "A", rule="private-key-on-several-machines"), in_fleet(key, 1))
    add_across(whole, "finding", [shared])
    told = forensics.open_fleet(whole.path).case("sample.vhdx").finding_list
    assert [(f.rule, f.machine_id) for f in told if f not in examined("sample").finding_list] == [
        ("private-key-on-several-machines", 1)
    ]


def _across(found: Finding, number: int) -> dict[str, object]:
    import json

    told = as_json(found) | {"machine_id": number}
    return {
        "machine_id": number,
        "finding": found.id,
        "rule": found.rule,
        "severity": found.severity,
        "confidence": found.confidence,
        "verdict": found.verdict,
        "title": found.title,
        "subjects": len(found.subjects),
        "json": json.dumps(told),
    }


def test_a_notebook_shows_the_accounts_and_the_worst_first(fleet: forensics.Fleet) -> None:
    assert repr(fleet) == "<Fleet of 6 inputs; 5 examined, 1 failed>"
    html = fleet._repr_html_()
    assert "Of 6 inputs 5 were examined, 1 could not be examined. Machines: 6." in html
    assert html.index("web-server.vhdx.xz") < html.index("nas/torn.vhdx") < html.index("sample.vhdx.xz")


def test_only_a_dataset_is_opened(tmp_path: Path) -> None:
    with pytest.raises(forensics.DatasetError, match="is no dataset of keymortem fleet run"):
        forensics.open_fleet(tmp_path)


def test_a_report_is_in_the_language_that_is_spoken(dataset: Dataset) -> None:
    """Titles of rules, severities, roles, and what breaks when a disk is moved, which the dataset has in English."""
    report = forensics.fleet_report(forensics.open_fleet(dataset.path))
    text = forensics.render(report, "text", language="ja")
    assert "  重大 証明書のキー ファイルがありません [key-file-missing]、コンピューター " in text
    assert "SQL Server、Web サーバー" in text
    assert "  その TPM でのみ開けるキー: " in text
    page = forensics.render(report, "html", language="ja")
    assert "証明書のキー ファイルがありません" in page
    assert "Web サーバー" in page
    english = forensics.render(report, "text")
    assert "  CRITICAL The key file of a certificate is gone [key-file-missing], " in english
    assert "SQL Server, web server" in english
