"""The report of a fleet: every input in one count, the rows of each disk, and what machines have in common."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest

import forensics
from forensics.fleet.dataset import Dataset
from forensics.fleet.machine_number import in_fleet
from forensics.fleet.report.chosen import COLUMNS
from forensics.report.disk_table.row import ENDING, SUMMARY
from forensics.tables.record import ProblemRow
from forensics.tables.source import SourceEntry
from tests.examined import examined
from tests.fleet.small_fleet import AS_OF, add, add_across, made
from tests.hand_made import chain, machine, utc
from tests.oracles import other_reader
from tests.paths import PROJECT
from tests.report.first_screen.test_screen import dead, finding, use
from tests.report.html.cases import HOSTILE

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")
other_reader("xlsxwriter", "xlsxwriter")

FORMULA = "=cmd|' /C calc'!A0"


def one(path: str, name: str, *rows: Any, **entry: Any) -> forensics.Case:
    """A case of one disk with one machine."""
    return forensics.Case([machine(computer_name=name), *rows], [SourceEntry(path, "disk", [1], **entry)], AS_OF)


def whole_fleet(folder: Path) -> dict[str, str]:
    """Make a fleet with an input of every state, and return the keys of the disks by their paths."""
    dataset = made(folder)
    used = chain(thumbprint="D" * 40, subject="CN=farm", not_after=utc(2027, 3, 5), standing="in_use")
    web = one("vm/web.vhdx", "WEB01", use(1), dead(1, recoverable=True), used)
    web.finding_list = [finding("critical", "1", rule="service-uses-dead-key"), finding("info", "x", rule="told-info")]
    calm = one("vm/calm.vhdx", "CALM", used)
    calm.finding_list = [finding("medium", "1", rule="tpm-key-will-not-survive-move", confidence="likely")]
    hurt = one(
        "vm/=hurt.vhdx",
        FORMULA,
        ProblemRow(machine_id=0, source_path="", kind="rule_stopped", message="rule x was stopped"),
    )
    older = one("vm/base.vhdx", "OLD", older_state_of="vm/child.avhdx")
    part = SourceEntry("vm/all/b.vhdx", "vhdx", error="vm/all/b.vhdx is encrypted", found_in="vm/all")
    several = forensics.Case(
        [machine(computer_name="IN01")],
        [SourceEntry("vm/all", "folder", [1]), SourceEntry("vm/all/a.vhdx", "disk", [1], found_in="vm/all"), part],
        AS_OF,
    )
    keys = {
        "vm/web.vhdx": add(dataset, "vm/web.vhdx", web, content="w"),
        "vm/calm.vhdx": add(dataset, "vm/calm.vhdx", calm, content="c"),
        "vm/zcopy.vhdx": add(dataset, "vm/zcopy.vhdx", calm, content="c"),
        "vm/=hurt.vhdx": add(dataset, "vm/=hurt.vhdx", hurt),
        "vm/base.vhdx": add(dataset, "vm/base.vhdx", older),
        "vm/all": add(dataset, "vm/all", several),
        "vm/lost.vhdx": add(dataset, "vm/lost.vhdx", state="failed", error="vm/lost.vhdx: its header is damaged"),
        "vm/parent.vhdx": add(dataset, "vm/parent.vhdx", state="read_as_parent"),
        "vm/notes.txt": add(dataset, "vm/notes.txt", state="not_evidence", error="it is no disk"),
    }
    identity = {"machine_id": 0, "source_path": "", "shared_group": 1, "disk": "d", "relation": "clone", "reason": "r"}
    numbers = [in_fleet(keys[path], 1) for path in ("vm/web.vhdx", "vm/calm.vhdx")]
    names = ("WEB01", "CALM")
    members = [
        identity | {"member": number, "computer_name": name, "shares": ["machine_sid"]}
        for number, name in zip(numbers, names, strict=True)
    ]
    add_across(dataset, "shared_identity", members)
    shared: dict[str, Any] = {
        "machine_id": 0,
        "source_path": "",
        "public_key_sha256": "a" * 64,
        "role": "server",
        "subject": "CN=farm",
    }
    shared |= {
        "machines": 2,
        "in_use_on": 2,
        "exportable": "yes",
        "holders": ["WEB01 (vm/web.vhdx)", "CALM (vm/calm.vhdx)"],
    }
    others: list[dict[str, Any]] = [{"relation": "same_computer"}, {"relation": "clones", "in_tpm": True}]
    add_across(dataset, "shared_key", [shared | {"relation": "unrelated"}, *(shared | other for other in others)])
    add_across(dataset, "problem", [{"machine_id": 0, "source_path": "", "kind": "rule_stopped", "message": "rule y"}])
    return keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("fleets") / "fleet"
    return whole_fleet(folder) | {"": str(folder)}


@pytest.fixture(scope="module")
def report(keys: dict[str, str]) -> forensics.FleetReport:
    return forensics.fleet_report(keys[""])


def test_every_input_is_in_one_count(report: forensics.FleetReport) -> None:
    accounts = report.accounts
    assert accounts.total == 9
    assert accounts.by_state == {"examined": 5, "failed": 1, "not_evidence": 1, "read_as_parent": 1, "copy": 1}
    assert (accounts.machines, accounts.pieces, accounts.in_part, accounts.older) == (5, 1, 1, 1)
    assert report.render("text").splitlines()[3] == (
        "Of 9 inputs 5 were examined, 1 could not be examined, 1 is no evidence, 1 was read as the parent of another, "
        "1 is a copy of another. Machines: 5."
    )


def test_stopped_rules_and_what_was_not_examined_stand_at_the_head(report: forensics.FleetReport) -> None:
    lines = report.render("text", 200).splitlines()
    assert lines[0] == "Fleet fleet, as of 2026-11-22"
    assert lines[1:3] == ["RULE STOPPED: rule x was stopped", "RULE STOPPED: rule y"]
    assert lines[4:10] == [
        "NOT EXAMINED: 1 input could not be examined: nothing is said of it.",
        "NOT EXAMINED: 1 piece of evidence inside examined inputs could not be examined.",
        "NOT EXAMINED: 1 machine was examined in part: a 0 of it is not known to be all.",
        "NOT EXAMINED: 1 machine is shown as of an older state, not of today.",
        "  - vm/all/b.vhdx: is encrypted",
        "  - vm/lost.vhdx: its header is damaged",
    ]


def test_the_rows_are_the_worst_first_and_have_every_input(report: forensics.FleetReport) -> None:
    rows = list(report.rows())
    assert [(row["source"] or row["path"], row["state"]) for row in rows] == [
        ("vm/web.vhdx", "examined"),
        ("vm/all/b.vhdx", "not_examined"),
        ("vm/lost.vhdx", "failed"),
        ("vm/calm.vhdx", "examined"),
        ("vm/base.vhdx", "older_state"),
        ("vm/=hurt.vhdx", "examined"),
        ("vm/all/a.vhdx", "examined"),
        ("vm/notes.txt", "not_evidence"),
        ("vm/zcopy.vhdx", "copy"),
        ("vm/parent.vhdx", "read_as_parent"),
    ]
    assert [row["path"] for row in report.rows(2)] == ["vm/web.vhdx", "vm/all"]
    web, lost, copy = rows[0], rows[2], rows[-2]
    assert list(web) == [column.name for column in COLUMNS]
    assert (web["machine"], web["down"], web["dead"], web["savable"]) == ("WEB01", ["http.sys 10.0.0.1:443"], 1, 1)
    assert (web["next_end"], web["next_end_of"]) == (utc(2027, 3, 5), "CN=farm")
    assert (web["worst"], web["rules"]) == ("critical", ["service-uses-dead-key"])
    assert web["blockers"] == ["shares its identity with 1 other (group 1)"]
    assert rows[3]["blockers"] == ["1 key sealed by the TPM, likely", "shares its identity with 1 other (group 1)"]
    assert rows[3]["blocker_kinds"] == ["tpm_key", "identity"]
    assert (lost["dead"], lost["not_examined"]) == (None, ["vm/lost.vhdx: its header is damaged"])
    assert copy["not_examined"] == ["the same in all that was read as vm/calm.vhdx"]


def test_groups(report: forensics.FleetReport) -> None:
    assert [(c.rule, c.severity, c.machines, c.likely, c.named) for c in report.causes] == [
        ("service-uses-dead-key", "critical", 1, 0, ("WEB01",)),
        ("tpm-key-will-not-survive-move", "medium", 1, 1, ("CALM",)),
    ]
    assert [(b.kind, b.count, b.named) for b in report.blocked] == [
        ("identity", 2, ("WEB01", "CALM")),
        ("newer_state", 1, ("OLD",)),
        ("tpm_key", 1, ("CALM",)),
    ]
    assert [(s.what, s.relation, s.count, s.named) for s in report.clones] == [
        ("group 1: machine_sid", "clone", 2, ("CALM", "WEB01"))
    ]


def test_keys_on_several_computers_are_told_with_what_they_are_for(report: forensics.FleetReport) -> None:
    assert (
        "PRIVATE KEYS ON SEVERAL MACHINES of the fleet\n"
        "  CN=farm, key of a server's certificate, on 2 machines, which share no identity that was read; in use on 2; "
        "may be exported: WEB01 (vm/web.vhdx), CALM (vm/calm.vhdx)\n"
    ) in report.render("text")
    [key] = report.keys_of_several
    assert (key.role, key.relation, key.machines, key.exportable) == ("server", "unrelated", 2, "yes")


def test_the_calendar_counts_certificates_and_machines(report: forensics.FleetReport) -> None:
    told = [(m.month, m.certificates, m.machines, m.in_use, m.machines_in_use) for m in report.calendar]
    assert told == [("2027-03", 1, 2, 1, 2), ("2028-01", 1, 1, 1, 1)]
    [farm] = report.used_by_many
    assert (farm.subject, farm.in_use, farm.named) == ("CN=farm", 2, ("CALM", "WEB01"))
    text = report.render("text")
    assert "  2027-03: 1 certificate ends, on 2 machines; 1 in use, on 2 machines\n" in text
    assert "    - 2027-03-05 CN=farm: on 2 machines, in use on 2\n" in text
    assert "    - 2028-01-01 CN=site1.contoso.test: on WEB01, in use, key dead\n" in text


@pytest.mark.parametrize(
    ("filters", "paths"),
    [
        ({"down": True}, ["vm/web.vhdx"]),
        ({"dead": True}, ["vm/web.vhdx"]),
        ({"machine": "calm"}, ["vm/calm.vhdx"]),
        ({"ends_before": datetime(2027, 3, 6, tzinfo=UTC)}, ["vm/web.vhdx", "vm/calm.vhdx"]),
        ({"ends_before": datetime(2027, 3, 5, tzinfo=UTC)}, []),
        ({"ends_before": datetime(2027, 3, 6, tzinfo=UTC), "down": True}, ["vm/web.vhdx"]),
    ],
)
def test_filters(keys: dict[str, str], filters: dict[str, Any], paths: list[str]) -> None:
    found = forensics.fleet_report(keys[""], **filters)
    assert [row["path"] for row in found.rows()] == paths
    assert (found.count, found.of_all, found.accounts.total) == (len(paths), 10, 9)
    assert f": {len(paths)} of 10." in found.render("text")


def test_two_reports_on_one_fleet_do_not_disturb_each_other(keys: dict[str, str]) -> None:
    fleet = forensics.open_fleet(keys[""])
    everything, few = forensics.fleet_report(fleet), forensics.fleet_report(fleet, down=True)
    assert (len(list(everything.rows())), len(list(few.rows()))) == (10, 1)


def test_what_was_not_judged_across_machines_says_so(tmp_path: Path) -> None:
    dataset = made(tmp_path / "fleet")
    add(dataset, "a.vhdx", one("a.vhdx", "A"))
    found = forensics.fleet_report(dataset.path)
    assert "What machines share was not judged yet" in found.render("text")
    assert (found.has_findings, found.judges_nothing) == (False, False)


def test_an_empty_fleet(tmp_path: Path) -> None:
    found = forensics.fleet_report(made(tmp_path / "fleet").path)
    assert "There is no input yet: keymortem fleet run examines some." in found.render("text")
    assert (list(found.rows()), found.judges_nothing) == ([], True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_text_fits_a_terminal(report: forensics.FleetReport, width: int) -> None:
    assert [line for line in report.render("text", width).splitlines() if len(line) > width] == []


def test_csv_has_a_row_an_input_and_no_formula(report: forensics.FleetReport, tmp_path: Path) -> None:
    forensics.write(report, "csv", tmp_path / "fleet.csv")
    raw = (tmp_path / "fleet.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert len(rows) == 10
    assert rows[0]["down"] == "http.sys 10.0.0.1:443"
    assert rows[0]["next_end"] == "2027-03-05T00:00:00Z"
    assert rows[5]["machine"] == f"'{FORMULA}"
    assert [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "@")] == []
    assert report.render("csv") == raw.decode("utf-8-sig")


def test_json_is_one_document(report: forensics.FleetReport, tmp_path: Path) -> None:
    forensics.write(report, "json", tmp_path / "fleet.json")
    told = json.loads((tmp_path / "fleet.json").read_text(encoding="ascii"))
    assert (told["format"], told["as_of"]) == (1, "2026-11-22T00:00:00Z")
    assert told["inputs"]["by_state"] == report.accounts.by_state
    assert [disk["path"] for disk in told["disks"]] == [row["path"] for row in report.rows()]
    assert told["disks"][0]["next_end"] == "2027-03-05T00:00:00Z"
    assert told["calendar"][0]["first"][0]["ends"] == "2027-03-05T00:00:00Z"
    assert told["stopped"] == [{"message": "rule x was stopped", "count": 1}, {"message": "rule y", "count": 1}]


def test_the_manual_names_every_column_and_member(report: forensics.FleetReport) -> None:
    page = (PROJECT / "docs" / "fleet-report.md").read_text(encoding="utf-8")
    for column in (*COLUMNS, *SUMMARY, *ENDING):
        assert f"`{column.name}`" in page, column.name
    for member in json.loads(report.render("json")):
        assert f"`{member}`" in page, member


def test_a_workbook_has_typed_cells_and_no_formula(report: forensics.FleetReport, tmp_path: Path) -> None:
    openpyxl = other_reader("openpyxl", "openpyxl")
    forensics.write(report, "xlsx", tmp_path / "fleet.xlsx")
    book = openpyxl.load_workbook(tmp_path / "fleet.xlsx")
    assert book.sheetnames == ["Disks", "Findings", "Ends", "Clones", "Keys", "Failed", "Inputs"]
    sheet = book["Disks"]
    headings = [cell.value for cell in sheet[1]]
    assert headings == [column.name for column in COLUMNS]
    first = dict(zip(headings, sheet[2], strict=True))
    assert (first["dead"].value, first["dead"].data_type) == (1, "n")
    assert (first["next_end"].value, first["next_end"].is_date) == (datetime(2027, 3, 5), True)
    assert first["next_end_in_use"].value is True
    hurt = dict(zip(headings, sheet[7], strict=True))
    assert (hurt["machine"].value, hurt["machine"].data_type) == (FORMULA, "s")
    assert [cell for page in book for line in page for cell in line if cell.data_type == "f"] == []
    assert [cell.value for cell in book["Failed"]["A"]] == ["path", "vm/all/b.vhdx", "vm/lost.vhdx"]
    with pytest.raises(ValueError, match="an xlsx file is no text"):
        report.render("xlsx")


def data_of(page: str) -> Any:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_the_page_holds_its_rows_and_runs_nothing_of_others(tmp_path: Path) -> None:
    dataset = made(tmp_path / "fleet")
    for number, name in enumerate(HOSTILE):
        hostile = one(name, name, use(number, label=name), dead(number, subject=name))
        hostile.finding_list = [finding("high", name, title=name, rule="rule")]
        add(dataset, f"{number}{name}", hostile)
    add(dataset, HOSTILE[0], state="failed", error=HOSTILE[0])
    page = forensics.render(forensics.fleet_report(dataset.path), "html")
    tree = lxml.html.document_fromstring(page)
    assert [script.get("type") for script in tree.iter("script")] == ["application/json", None]
    assert len(list(tree.iter("style"))) == 1
    values = [(name, value) for element in tree.iter() for name, value in element.attrib.items()]
    assert [name for name, value in values if name.startswith("on") or "evil.test" in value] == []
    assert list(tree.iter("img")) == []
    assert len(data_of(page)["rows"]) == len(HOSTILE) + 1


def test_the_page_without_scripts_has_the_worst_rows(report: forensics.FleetReport) -> None:
    page = report.render("html")
    [table] = re.findall(r"<noscript>(.*?)</noscript>", page, re.S)
    assert table.count("<tr>") == 11
    assert "<td>vm/web.vhdx</td><td>WEB01</td>" in table
    assert "Rules were stopped" in page


def test_rows_without_room_in_the_page_are_counted(
    report: forensics.FleetReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.fleet.report.page.MOST_BYTES", 300)
    page = report.render("html")
    left = 10 - len(data_of(page)["rows"])
    assert left > 0
    assert f"{left} more rows, of those that matter least, had no room in this page" in page


def test_pages_of_disks_stand_beside_the_page(keys: dict[str, str], tmp_path: Path) -> None:
    found = forensics.fleet_report(keys[""], down=True)
    folder = found.write_pages(tmp_path / "fleet.html")
    key = keys["vm/web.vhdx"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == [f"{key}.html", "fleet-disks", "fleet.html"]
    assert folder == tmp_path / "fleet-disks"
    assert "site1.contoso.test" in (folder / f"{key}.html").read_text(encoding="utf-8")
    assert f"fleet-disks/{key}.html" in data_of((tmp_path / "fleet.html").read_text(encoding="utf-8"))["words"]
    with pytest.raises(FileExistsError):
        found.write_pages(tmp_path / "fleet.html")
    found.write_pages(tmp_path / "fleet.html", overwrite=True)


def test_pages_are_in_the_language_that_is_spoken(tmp_path: Path) -> None:
    dataset = made(tmp_path / "fleet")
    sample = examined("sample")
    key = add(dataset, "vm/sample.vhdx", sample)
    with forensics.speaking("ja"):
        folder = forensics.fleet_report(dataset.path).write_pages(tmp_path / "fleet.html")
    words = data_of((tmp_path / "fleet.html").read_text(encoding="utf-8"))["words"]
    assert {"サーバー", "TPM で保護されたキー 1 個"} <= set(words)
    page = (folder / f"{key}.html").read_text(encoding="utf-8")
    assert "Windows が Sysprep で一般化され、それ以前のキーが使用できません" in page
    assert "Sysprep generalized this Windows" not in page


def test_nothing_is_written_into_a_dataset_nor_over_an_input(tmp_path: Path) -> None:
    dataset: Dataset = made(tmp_path / "fleet")
    disk = tmp_path / "a.vhdx"
    disk.write_bytes(b"evidence")
    add(dataset, str(disk), one(str(disk), "A"))
    found = forensics.fleet_report(dataset.path)
    for target in (disk, dataset.path / "report.csv"):
        with pytest.raises(forensics.EvidenceTargetError):
            forensics.write(found, "csv", target, overwrite=True)
    assert disk.read_bytes() == b"evidence"


def test_counts_are_those_of_each_disk_alone(tmp_path: Path) -> None:
    names = ("sample", "web-server", "hyperv-source")
    dataset = made(tmp_path / "fleet")
    for name in names:
        add(dataset, f"{name}.vhdx", examined(name))
    rows = {row["path"]: row for row in forensics.fleet_report(dataset.path).rows()}
    for name in names:
        screen = forensics.render(examined(name), "screen")
        broken = re.search(r"^Keys of \d+ certificates: (\d+) ", screen, re.M)
        down = re.search(r"^SERVICES DOWN: (\d+)", screen, re.M)
        row = rows[f"{name}.vhdx"]
        assert row["dead"] == int(broken[1] if broken else 0)
        assert len(row["down"]) == int(down[1] if down else 0)
