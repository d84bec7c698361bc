"""One machine of several is chosen by the name of its computer or of its disk."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import icalendar
import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

import forensics
from forensics.cli.main import cli
from forensics.report.named_machines import named_machines
from forensics.tables.certificate import CertificateRow
from forensics.tables.source import SourceEntry
from tests.hand_made import ALIVE, AS_OF, DEAD, chain, dead_chain, machine

FORMULA = "=1+1"


@pytest.fixture
def case() -> forensics.Case:
    rows = [
        machine(source="images/web01.vhdx"),
        machine(machine_id=2, computer_name="WEB02", source="images/second.vhdx", machine_guid="other"),
        machine(machine_id=3, computer_name="WEB01", source="old/old.vhdx", machine_guid="old"),
        chain(),
        dead_chain(machine_id=2),
        chain(machine_id=2, subject=FORMULA, standing="superseded"),
        CertificateRow(
            machine_id=2,
            source_path="x",
            thumbprint=ALIVE,
            store="MY",
            store_scope="machine",
            owner_sid="S-1-5-18",
            issuer="CN=Issuing CA",
            serial="0A",
            uses=["http.sys 0.0.0.0:443 (IIS)", "RDP RDP-Tcp"],
        ),
    ]
    sources = [SourceEntry(f"{name}.vhdx", "disk", [n]) for n, name in ((1, "web01"), (2, "second"), (3, "old"))]
    return forensics.Case(rows, sources, AS_OF)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("web02", frozenset({2})),
        ("WEB01", frozenset({1, 3})),
        ("WEB01 (old.vhdx)", frozenset({3})),
        ("second.vhdx", frozenset({2})),
        ("images/second.vhdx", frozenset({2})),
        (" Web01 (web01.vhdx) ", frozenset({1})),
    ],
)
def test_a_machine_is_called_by_its_computer_or_disk(name: str, numbers: frozenset[int], case: forensics.Case) -> None:
    assert named_machines(case, name) == numbers


def test_none_asked_for_means_all(case: forensics.Case) -> None:
    assert named_machines(case, None) is None


def test_a_name_of_none_is_told_with_those_that_are_there(case: forensics.Case) -> None:
    with pytest.raises(forensics.UnsuitableCaseError) as raised:
        forensics.expiring(case, timedelta(days=30), machine="WEB")
    assert str(raised.value) == (
        "machine: no machine here is called 'WEB'; there are WEB01 (web01.vhdx), WEB02, WEB01 (old.vhdx)"
    )


def test_what_expires_on_one_machine(case: forensics.Case) -> None:
    found = forensics.expiring(case, timedelta(days=180), machine="web02")
    assert [(c.machine_id, c.thumbprint) for c in found.chains] == [(2, ALIVE), (2, DEAD)]
    assert len(forensics.expiring(case, timedelta(days=180)).chains) == 3


def test_one_machine_alone_is_explained(case: forensics.Case) -> None:
    everywhere, there = forensics.explain(case, ALIVE), forensics.explain(case, ALIVE, machine="WEB02")
    assert [c.machine_id for c in everywhere.chains] == [1, 2]
    assert [c.machine_id for c in there.chains] == [2]
    assert {a.machine_id for a in everywhere.answers[ALIVE]} == {1, 2}
    assert {a.machine_id for a in there.answers[ALIVE]} == {2}
    assert "on WEB01" not in there.render()
    with pytest.raises(forensics.UnknownSubjectError):
        forensics.explain(case, DEAD, machine="WEB01")


def test_an_error_is_explained_of_one_machine_alone(case: forensics.Case) -> None:
    told = forensics.explain_symptom(case, "0x80090016", machine="second.vhdx")
    assert [answer.machine.machine_id for answer in told.machines] == [2]
    assert len(forensics.explain_symptom(case, "0x80090016").machines) == 3


def test_rows_of_what_expires(case: forensics.Case) -> None:
    found = forensics.expiring(case, timedelta(days=30), machine="WEB02")
    expected = {
        "ends": "2026-12-02T00:00:00Z",
        "days_left": 10,
        "machine": "WEB02",
        "disk": "images/second.vhdx",
        "volume": None,
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "subject": FORMULA,
        "issuer": "CN=Issuing CA",
        "serial": "0A",
        "thumbprint": ALIVE,
        "verdict": "usable",
        "broken_at": None,
        "replaced": True,
        "used_by": ["http.sys 0.0.0.0:443 (IIS)", "RDP RDP-Tcp"],
    }
    assert json.loads(found.render("json")) == {
        "format": 1,
        "as_of": "2026-11-22T01:02:03Z",
        "within_days": 30,
        "not_examined": [],
        "certificates": [expected],
    }
    (row,) = csv.DictReader(StringIO(found.render("csv")))
    assert row == {name: str(value or "") for name, value in expected.items()} | {
        "subject": f"'{FORMULA}",
        "replaced": "true",
        "used_by": "http.sys 0.0.0.0:443 (IIS); RDP RDP-Tcp",
    }


def test_the_calendar_holds_what_is_to_come_within_the_span(case: forensics.Case) -> None:
    def summaries(days: int) -> list[str]:
        text = forensics.expiring(case, timedelta(days=days)).render("ics")
        return [str(event["summary"]) for event in icalendar.Calendar.from_ical(text).walk("VEVENT")]

    soon = ["CN=alive.contoso.test on WEB01 (web01.vhdx) expires", f"{FORMULA} on WEB02 expires"]
    assert summaries(30) == soon
    assert summaries(300) == [*soon, "CN=dead.contoso.test on WEB02 expires"]
    case.as_of += timedelta(days=60)
    assert summaries(30) == [], "what has ended is no date to come"


def test_metrics_of_what_expires_hold_no_other_certificate(case: forensics.Case) -> None:
    text = forensics.expiring(case, timedelta(days=30), machine="WEB02").render("prom")
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert [(s.labels["machine"], s.value) for s in families["keymortem_certificate_days_left"]] == [("WEB02", 10)]
    assert "keymortem_findings" not in families


@pytest.fixture
def saved(case: forensics.Case, tmp_path: Path) -> Path:
    case.save(tmp_path / "case.sqlite")
    return tmp_path / "case.sqlite"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="keymortem")


def test_commands_take_a_machine(saved: Path, tmp_path: Path) -> None:
    lines = run("expiring", saved, "--machine", "web02").stdout.splitlines()
    assert [line.split(", ")[2] for line in lines] == ["on WEB02 in images/second.vhdx"] * 2
    told = run("explain", saved, ALIVE, "--machine", "web02")
    assert told.stdout.count("thumbprint") == 1
    lost = run("explain", saved, DEAD, "--machine", "WEB01")
    assert (lost.exit_code, f"nothing on WEB01 is called '{DEAD}'" in lost.stderr) == (2, True)
    for command in (["expiring", saved], ["explain", saved, ALIVE], ["explain", saved, "0x80090016"]):
        wrong = run(*command, "--machine", "WEB09")
        assert wrong.exit_code == 2
        assert "--machine: no machine here is called 'WEB09'; there are WEB01 (web01.vhdx), WEB02" in wrong.stderr


def test_expiring_writes_files(saved: Path, tmp_path: Path) -> None:
    for form in forensics.Expiring.formats:
        target = tmp_path / f"expiring.{form}"
        result = run("expiring", saved, "--format", form, "-o", target)
        assert (result.exit_code, result.stdout, target.stat().st_size > 0) == (1, "", True)
        assert "add --overwrite" in run("expiring", saved, "--format", form, "-o", target).stderr
    assert run("expiring", saved, "-o", saved, "--overwrite").exit_code == 2
