"""Each format is read back by a program we did not write."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import icalendar
import pandas as pd
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

import forensics
from forensics import examine, outputs
from forensics.case_tables import CaseTables
from forensics.cli.main import cli
from forensics.report.exports.calendar import render_calendar
from forensics.report.exports.csv_files import csv_cell, write_csv
from forensics.report.exports.flow_records import write_records
from forensics.report.exports.parquet_files import write_parquet
from forensics.report.exports.prometheus import render_prometheus
from forensics.tables.certificate import CertificateRow
from forensics.tables.finding import Block, Finding, Subject
from forensics.tables.key_chain import KeyChainRow, KeyVerdict
from forensics.tables.machine import MachineRow
from forensics.tables.registry import ROW_CLASSES
from tests.oracles import tool
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
BROKEN_UTF16 = "CN=\ud800half"
HOSTILE = '=cmd|"/c calc"!A1'
TABLES = {*ROW_CLASSES, "source", "finding", "finding_subject"}


@pytest.fixture(scope="module")
def healthy_case() -> CaseTables:
    return examine(IMAGES / "healthy.vhdx.xz", as_of=AS_OF)


@pytest.fixture
def case() -> CaseTables:
    rows = [
        MachineRow(
            machine_id=1,
            source_path="Windows",
            source="web01.vhdx",
            computer_name='WEB01"\n',
            machine_guid="11" * 16,
        ),
        CertificateRow(
            machine_id=1,
            source_path="SOFTWARE\\x",
            thumbprint="AA" * 20,
            store="MY",
            store_scope="machine",
            owner_sid="S-1-5-18",
            subject=HOSTILE,
            issuer="OU=PKI,CN=Contoso\\, Inc. CA",
            serial="1234",
            friendly_name="日本語; 証明書",
            not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
            eku=["serverAuth", "=clientAuth"],
            key_bits=2048,
            self_signed=False,
        ),
        _chain("AA", HOSTILE, AS_OF + timedelta(days=10), "usable"),
        _chain("BB", BROKEN_UTF16, AS_OF - timedelta(days=1), "unusable"),
        _chain("CC", None, AS_OF, "unknown"),
    ]
    finding = Finding(
        id="f1",
        rule="key-file-missing",
        machine_id=1,
        severity="high",
        title="T",
        verdict="match",
        subject_table="key_chain",
        subjects=(Subject("BB" * 20, "-2+3"), Subject("CC" * 20, "@x")),
        because=(Block("paragraph", "Because."),),
        remedy=(Block("paragraph", "Do."),),
        confidence="proved",
    )
    return CaseTables(rows, as_of=AS_OF, findings=[finding])


def _chain(letters: str, subject: str | None, not_after: datetime, verdict: KeyVerdict) -> KeyChainRow:
    return KeyChainRow(
        machine_id=1,
        source_path="x",
        thumbprint=letters * 20,
        subject=subject,
        store="MY",
        store_scope="machine",
        owner_sid="S-1-5-18",
        not_after=not_after,
        verdict=verdict,
    )


def test_csv_is_read_by_pandas_and_formulas_are_defused(case: CaseTables, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_csv(case, (tmp_path / "out").joinpath)
    assert {path.stem for path in (tmp_path / "out").iterdir()} == TABLES
    certificates = pd.read_csv(tmp_path / "out" / "certificate.csv")
    (row,) = certificates.to_dict("records")
    assert row["subject"] == "'" + HOSTILE
    assert row["friendly_name"] == "日本語; 証明書"
    assert row["eku"] == "serverAuth; =clientAuth"
    assert (row["key_bits"], row["self_signed"], row["not_after"]) == (2048, False, "9999-12-31T23:59:59Z")
    subjects = pd.read_csv(tmp_path / "out" / "finding_subject.csv")
    assert list(subjects["label"]) == ["'-2+3", "'@x"]
    assert list(subjects["finding"]) == [1, 1]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "\0="])
def test_what_a_spreadsheet_may_take_for_a_formula_gets_an_apostrophe(begin: str) -> None:
    shown = begin.removeprefix("\0")
    assert [csv_cell("text", f"{begin}1"), csv_cell("list", [f"{begin}1", "x"])] == [f"'{shown}1", f"'{shown}1; x"]


def test_no_csv_cell_of_a_real_disk_begins_like_a_formula(healthy_case: CaseTables, tmp_path: Path) -> None:
    write_csv(healthy_case, tmp_path.joinpath)
    for path in tmp_path.iterdir():
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))], path


def test_parquet_is_read_by_duckdb_with_its_types(case: CaseTables, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_parquet(case, (tmp_path / "out").joinpath)
    assert {path.stem for path in (tmp_path / "out").iterdir()} == TABLES
    answer = duckdb.execute(
        f"SELECT subject, eku, key_bits, self_signed, epoch(not_after) FROM '{tmp_path}/out/certificate.parquet'"
    ).fetchall()
    assert answer == [(HOSTILE, ["serverAuth", "=clientAuth"], 2048, False, 253402300799.0)]
    subjects = duckdb.execute(f"SELECT subject FROM '{tmp_path}/out/key_chain.parquet' ORDER BY thumbprint").fetchall()
    assert subjects == [(HOSTILE,), ("CN=\\ud800half",), (None,)]
    assert duckdb.execute(f"SELECT count(*) FROM '{tmp_path}/out/provider.parquet'").fetchall() == [(0,)]
    assert pd.read_parquet(tmp_path / "out" / "key_chain.parquet")["not_after"].dt.tz is not None


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_records_are_read_by_rdump(suffix: str, case: CaseTables, tmp_path: Path) -> None:
    path = tmp_path / f"case.rec{suffix}"
    assert write_records(case, path, suffix) == 8
    rdump = Path(sys.executable).with_name("rdump")
    answer = subprocess.run(
        [rdump, path, "-s", "r.verdict == 'unusable'", "--multi-timestamp", "-f", "{thumbprint} {subject}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "BB" * 20 in answer.stdout
    assert "AA" * 20 not in answer.stdout
    listed = subprocess.run([rdump, "-l", path], capture_output=True, text=True, check=True).stdout
    assert "keymortem/key_chain" in listed


def test_calendar_holds_what_is_to_come(case: CaseTables) -> None:
    text = render_calendar(case)
    assert text == render_calendar(case)
    events = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert [(str(e["summary"]), e.decoded("dtstart")) for e in events] == [
        ('(certificate without subject) on WEB01" expires', date(2026, 11, 22)),
        (f'{HOSTILE} on WEB01" expires', date(2026, 12, 2)),
    ]
    assert len({str(e["uid"]) for e in events}) == 2
    assert [a.decoded("trigger") for a in events[1].walk("VALARM")] == [timedelta(days=-30)]


def test_the_textfile_collector_sees_whole_metrics_alone(
    case: CaseTables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As node_exporter asks for it: a name that ends otherwise until it is renamed, and no times."""
    target, seen = tmp_path / "keymortem.prom", list[list[str]]()
    sync = outputs._Unborn.sync

    def synced(self: Any) -> None:
        seen.append([path.read_text() for path in tmp_path.glob("*.prom")])
        sync(self)

    monkeypatch.setattr(outputs._Unborn, "sync", synced)
    mask = os.umask(0o022)
    try:
        forensics.write(case, "prom", target)
        forensics.write(case, "prom", target, overwrite=True)
    finally:
        os.umask(mask)
    text = target.read_text()
    assert seen == [[], [text]]
    assert text.endswith("\n")
    assert target.stat().st_mode & 0o777 == 0o644
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert samples
    assert {sample.timestamp for sample in samples} == {None}
    assert len({(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}) == len(samples)


def test_metrics_are_parsed_by_prometheus(case: CaseTables) -> None:
    families = {f.name: f for f in text_string_to_metric_families(render_prometheus(case))}

    def values(name: str) -> dict[str, float]:
        samples = families[f"keymortem_certificate_{name}"].samples
        return {sample.labels["thumbprint"][:2]: sample.value for sample in samples}

    assert values("not_after") == {
        "AA": (AS_OF + timedelta(days=10)).timestamp(),
        "BB": (AS_OF - timedelta(days=1)).timestamp(),
        "CC": AS_OF.timestamp(),
    }
    assert values("days_left") == {"AA": 10, "BB": -1, "CC": 0}
    assert values("key_usable") == {"AA": 1, "BB": 0}, "of an undecided key nothing is said"
    labels = [sample.labels for sample in families["keymortem_certificate_not_after"].samples]
    assert {each["subject"] for each in labels} == {HOSTILE, "CN=half", "(certificate without subject)"}
    assert next(each for each in labels if each["subject"] == HOSTILE) == {
        "machine": 'WEB01"',
        "disk": "web01.vhdx",
        "volume": "",
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "subject": HOSTILE,
        "thumbprint": "AA" * 20,
        "subject_CN": "",
        "issuer_CN": "Contoso, Inc. CA",
        "serial_number": "4660",
    }
    counts = {s.labels["severity"]: s.value for s in families["keymortem_findings"].samples}
    assert counts == {"critical": 0, "high": 1, "medium": 0, "low": 0, "info": 0}
    assert families["keymortem_examination_timestamp_seconds"].samples[0].value == AS_OF.timestamp()


def test_promtool_has_nothing_to_say_but_of_the_days(case: CaseTables) -> None:
    """Whole days are what who reads a dashboard asks for; Unix time in seconds stands beside them."""
    command = [tool("promtool", "prometheus"), "check", "metrics"]
    for text in (render_prometheus(case), forensics.expiring(case, timedelta(days=30)).render("prom")):
        said = subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr
        assert said == 'keymortem_certificate_days_left use base unit "seconds" instead of "days"\n'


def test_a_serial_number_of_a_thousand_digits_stays_as_it_is(case: CaseTables) -> None:
    (row,) = case.rows("certificate")
    row.serial = "F" * 10_000
    assert f'serial_number="{"F" * 400}..."' in render_prometheus(case)


@pytest.mark.parametrize(("form", "what"), [("csv", "FOLDER"), ("parquet", "FOLDER"), ("records", "FILE")])
def test_formats_that_are_no_text_need_a_place(form: str, what: str) -> None:
    result = CliRunner().invoke(cli, ["examine", "nothing.vhdx", "--format", form])
    assert result.exit_code == 2
    assert f"--format {form} needs -o {what}" in result.stderr


def test_a_case_file_becomes_every_format(case: CaseTables, tmp_path: Path) -> None:
    case_file = tmp_path / "case.sqlite"
    case.save(case_file)
    for form, target in (("csv", "csv"), ("parquet", "parquet"), ("records", "r.rec"), ("ics", "c.ics"), ("prom", "m")):
        result = CliRunner().invoke(cli, ["examine", str(case_file), "--format", form, "-o", str(tmp_path / target)])
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert (tmp_path / target).exists()
    refused = CliRunner().invoke(cli, ["examine", str(case_file), "--format", "csv", "-o", str(tmp_path / "c.ics")])
    assert refused.exit_code == 2
    assert "name a folder" in refused.stderr
