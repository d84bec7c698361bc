"""Time lines are read back by the programs that they are written for."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.report.moments import MOST_MOMENTS
from forensics.tables.event import SetupEventRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from tests.oracles import other_reader, program, tool
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
FORMULA = '=cmd|"/c calc"!A1'
HOSTILE = f"{FORMULA}\nCN=%0A%7c\u2028|x"
SHOWN = '=cmd|"/c calc"!A1 CN=%0A%7c |x'
STORE = "Windows/System32/config/SOFTWARE\\Microsoft\\SystemCertificates\\MY\\Certificates\\AA!Blob"


@pytest.fixture
def case() -> forensics.Case:
    rows = [
        MachineRow(
            machine_id=1,
            source_path="Windows",
            source="web01.vhdx",
            computer_name="WEB01",
            system_root="Windows",
            drive="C:",
            install_date=datetime(2024, 3, 4, 8, 0, 0, 250_000, tzinfo=UTC),
        ),
        SetupEventRow(
            machine_id=1,
            source_path="Windows/Panther/setupact.log",
            time=datetime(2024, 3, 4, 9),
            time_is_local=True,
            phase="generalize",
            kind="sysprep_succeeded",
        ),
        _chain("AA", HOSTILE, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 12, 30, tzinfo=UTC)),
        _chain("BB", "CN=for ever", datetime(1969, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ]
    return forensics.Case(rows, as_of=AS_OF)


def _chain(letters: str, subject: str, begins: datetime, ends: datetime) -> KeyChainRow:
    return KeyChainRow(
        machine_id=1,
        source_path=STORE,
        thumbprint=letters * 20,
        subject=subject,
        store="MY",
        store_scope="machine",
        owner_sid="S-1-5-18",
        not_before=begins,
        not_after=ends,
        verdict="usable",
    )


CLOCK = " (by the clock of the machine, of which no zone was written)"
EVENTS = [
    ("1969-01-01T00:00:00.000000+00:00", "Start Time", "CN=for ever in store MY: valid from here, on WEB01"),
    (
        "2024-03-04T08:00:00.250000+00:00",
        "Installation Time",
        "Windows was installed, or upgraded last (InstallDate), on WEB01",
    ),
    (
        "2024-03-04T09:00:00.000000+00:00",
        "Recorded Time",
        f"Sysprep succeeded: the image was sealed, on WEB01{CLOCK}",
    ),
    ("2026-11-01T00:00:00.000000+00:00", "Start Time", f"{SHOWN} in store MY: valid from here, on WEB01"),
    ("2026-12-01T12:30:00.000000+00:00", "Expiration Time", f"{SHOWN} in store MY: ends, on WEB01"),
    ("9999-12-31T23:59:59.000000+00:00", "Expiration Time", "CN=for ever in store MY: ends, on WEB01"),
]


def test_json_lines_have_every_column(case: forensics.Case) -> None:
    events = [json.loads(line) for line in forensics.timeline(case).render("jsonl").splitlines()]
    assert [(e["datetime"], e["timestamp_desc"], e["message"]) for e in events] == EVENTS
    assert [e["tag"] for e in events] == [
        ["certificate_begins"],
        ["setup"],
        ["setup", "clock_of_the_machine"],
        ["certificate_begins"],
        ["certificate_ends", "to_come"],
        ["certificate_ends", "to_come"],
    ]
    assert events[4] == {
        "datetime": "2026-12-01T12:30:00.000000+00:00",
        "timestamp": 1_796_128_200_000_000,
        "timestamp_desc": "Expiration Time",
        "message": f"{SHOWN} in store MY: ends, on WEB01",
        "tag": ["certificate_ends", "to_come"],
        "data_type": "keymortem:certificate_ends",
        "hostname": "WEB01",
        "source": "web01.vhdx",
        "source_path": STORE,
        "filename": "C:\\" + STORE.replace("/", "\\"),
        "thumbprint": "AA" * 20,
    }


def test_csv_says_the_same_with_formulas_defused(case: forensics.Case) -> None:
    text = forensics.timeline(case).render("csv")
    rows = list(csv.DictReader(StringIO(text)))
    said = [json.loads(line) for line in forensics.timeline(case).render("jsonl").splitlines()]
    assert [row | {"tag": json.loads(row["tag"]), "timestamp": int(row["timestamp"])} for row in rows] == [
        event | {"message": "'" * event["message"].startswith("=") + event["message"]} for event in said
    ]
    assert rows[3]["message"].startswith(f"'{FORMULA}")


def test_the_same_case_gives_the_same_text(case: forensics.Case) -> None:
    turned = forensics.Case([row for table in reversed(case.tables.values()) for row in reversed(table)], as_of=AS_OF)
    for form in forensics.Timeline.formats:
        assert forensics.timeline(turned).render(form) == forensics.timeline(case).render(form)


def test_no_moment_is_left_out_of_many(case: forensics.Case) -> None:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    many = [_chain(f"{n:02X}", f"CN={n:05}", begins, AS_OF) for n in range(MOST_MOMENTS)]
    assert len(forensics.Case(many, as_of=AS_OF).timeline()) == MOST_MOMENTS
    assert len(forensics.timeline(forensics.Case(many, as_of=AS_OF)).moments) == 2 * MOST_MOMENTS


@pytest.fixture
def timesketch() -> Any:
    """The importer of Timesketch, which keeps what it would send."""
    importer = other_reader("timesketch_import_client.importer", "timesketch-import-client")

    class Kept(importer.ImportStreamer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.sent: list[dict[str, Any]] = []
            self._sketch = "none, but it is asked whether there is one"

        def _upload_data_frame(self, data_frame: Any, end_stream: bool, retry_count: int = 0) -> None:
            self.sent += [json.loads(line) for line in data_frame.to_json(orient="records", lines=True).splitlines()]

        def _upload_data_buffer(self, end_stream: bool, data_lines: Any = None, retry_count: int = 0) -> None:
            self.sent += self._data_lines

    return Kept()


def test_timesketch_imports_csv(case: forensics.Case, timesketch: Any, tmp_path: Path) -> None:
    forensics.write(forensics.timeline(case), "csv", tmp_path / "case.csv")
    timesketch.add_file(str(tmp_path / "case.csv"))
    assert [(e["datetime"].replace("+0000", "+00:00"), e["timestamp_desc"], e["message"]) for e in timesketch.sent] == [
        (time, what, "'" * message.startswith("=") + message) for time, what, message in EVENTS
    ]
    assert [json.loads(e["tag"])[0] for e in timesketch.sent][-1] == "certificate_ends"
    assert [e["timestamp"] for e in timesketch.sent][1] == 1_709_539_200_250_000


def test_timesketch_imports_json_lines(case: forensics.Case, timesketch: Any, tmp_path: Path) -> None:
    forensics.write(forensics.timeline(case), "jsonl", tmp_path / "case.jsonl")
    timesketch.add_file(str(tmp_path / "case.jsonl"))
    timesketch.close()
    read = [(datetime.fromisoformat(e["datetime"]), e["timestamp_desc"], e["message"]) for e in timesketch.sent]
    assert read == [(datetime.fromisoformat(time), what, message) for time, what, message in EVENTS]
    assert timesketch.sent[4]["tag"] == ["certificate_ends", "to_come"]


def test_mactime_shows_each_moment_once(case: forensics.Case, tmp_path: Path) -> None:
    forensics.write(forensics.timeline(case), "bodyfile", tmp_path / "body")
    command = [tool("mactime", "sleuthkit"), "-b", str(tmp_path / "body"), "-d", "-y"]
    shown = csv.reader(StringIO(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    path = "(C:\\" + STORE.replace("/", "\\") + ")"
    # Nothing before 1970, and no fractions of seconds.
    assert [(row[0], row[2], row[7]) for row in shown] == [
        ("Date", "Type", "File Name"),
        (
            "2024-03-04T08:00:00Z",
            "macb",
            "[setup] Windows was installed, or upgraded last (InstallDate), on WEB01 (C:\\Windows)",
        ),
        (
            "2024-03-04T09:00:00Z",
            "macb",
            f"[setup] Sysprep succeeded: the image was sealed, on WEB01{CLOCK} (C:\\Windows\\Panther\\setupact.log)",
        ),
        (
            "2026-11-01T00:00:00Z",
            "macb",
            f"[certificate_begins] {SHOWN} in store MY: valid from here, on WEB01 {path}",
        ),
        ("2026-12-01T12:30:00Z", "macb", f"[certificate_ends] {SHOWN} in store MY: ends, on WEB01 {path}"),
        ("9999-12-31T23:59:59Z", "macb", f"[certificate_ends] CN=for ever in store MY: ends, on WEB01 {path}"),
    ]


def test_plaso_reads_each_line(tmp_path: Path) -> None:
    case = forensics.examine(IMAGES / "expiring.vhdx.xz", as_of=AS_OF)
    told = forensics.timeline(case)
    forensics.write(told, "bodyfile", tmp_path / "body")
    quiet, home = ["--status-view", "none", "--logfile", os.devnull], {**os.environ, "HOME": str(tmp_path)}
    read = [program("log2timeline", "plaso"), *quiet, "--parsers", "bodyfile", "-u", "--storage-file", "out.plaso"]
    written = [program("psort", "plaso"), *quiet, "-o", "json_line", "-w", "out.jsonl", "out.plaso"]
    for command in ([*read, "body"], written):
        subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, check=True)
    events = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {event["parser"] for event in events} == {"bodyfile"}
    begun = {(e["timestamp"], e["filename"]) for e in events if e["timestamp_desc"] == "Creation Time"}
    names = [line.split("|")[1] for line in told.render("bodyfile").splitlines()]
    stamps = [json.loads(line)["timestamp"] for line in told.render("jsonl").splitlines()]
    assert begun == set(zip(stamps, names, strict=True))


def test_the_command_takes_images_and_case_files(tmp_path: Path) -> None:
    image = str(IMAGES / "healthy.vhdx.xz")
    run = CliRunner()
    options = ["--as-of", "2026-11-22"]
    saved = tmp_path / "case.sqlite"
    assert run.invoke(cli, ["examine", image, "--case", str(saved), *options]).exit_code == 0
    first = run.invoke(cli, ["timeline", image, *options])
    again = run.invoke(cli, ["timeline", str(saved), "-o", str(tmp_path / "t.csv")])
    assert (first.exit_code, again.exit_code, again.stdout) == (0, 0, "")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == first.stdout
    assert first.stdout.startswith("datetime,timestamp,timestamp_desc,message,tag,data_type,hostname,source,")


def test_the_command_writes_over_no_evidence_and_no_older_file(tmp_path: Path) -> None:
    image = tmp_path / "healthy.vhdx.xz"
    image.write_bytes((IMAGES / "healthy.vhdx.xz").read_bytes())
    over = CliRunner().invoke(cli, ["timeline", str(image), "-o", str(image), "--overwrite"])
    assert over.exit_code == 2
    assert image.read_bytes() == (IMAGES / "healthy.vhdx.xz").read_bytes()
    (tmp_path / "t.csv").write_text("older")
    older = CliRunner().invoke(cli, ["timeline", str(image), "-o", str(tmp_path / "t.csv")])
    assert older.exit_code == 2
    assert (tmp_path / "t.csv").read_text() == "older"


def test_nothing_examined_is_no_empty_time_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["timeline", str(tmp_path / "lost.vhdx")])
    assert (result.exit_code, result.stdout) == (3, "")
