"""The first screen: 25 lines at most, the worst first, every count complete, nothing of a disk in an escape."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.report.first_screen.screen import LINES, FirstScreen
from forensics.tables.finding import Block, Finding, Subject
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from forensics.tables.use import CertificateUseRow
from tests.examined import examined
from tests.first_screens import CASES, COLUMNS, SCREENS, height, screen
from tests.hand_made import AS_OF, chain, machine, utc
from tests.test_images import NAMES

IMPORT = 'certutil -f -importPFX "MY" FILE.pfx'


def use(number: int, machine_id: int = 1, **values: Any) -> CertificateUseRow:
    known: dict[str, Any] = {
        "machine_id": machine_id,
        "source_path": "SYSTEM",
        "thumbprint": f"{number:040X}",
        "consumer": "http.sys",
        "store": "MY",
        "certainty": "proved",
        "present": True,
        "opens": "unusable",
        "opens_broken_at": "key_file",
        "opens_reason": "there is no key file where the certificate's link leads",
        "label": f"http.sys 10.0.0.{number}:443",
        "needs_valid": True,
    }
    return CertificateUseRow(**(known | values))


def dead(number: int, machine_id: int = 1, **values: Any) -> KeyChainRow:
    known: dict[str, Any] = {
        "thumbprint": f"{number:040X}",
        "subject": f"CN=site{number}.contoso.test",
        "verdict": "unusable",
        "broken_at": "key_file",
        "key_file": "absent",
        "key_file_path": None,
        "recoverable": False,
        "standing": "in_use",
        "not_after": utc(2028, 1, 1),
        "machine_id": machine_id,
    }
    return chain(**(known | values))


def case_of(*rows: Row, machines: int = 1) -> forensics.Case:
    names: list[MachineRow] = [machine(machine_id=n, computer_name=f"WEB{n:02}") for n in range(1, machines + 1)]
    sources = [SourceEntry(f"disk{n}.vhdx", "disk", [n]) for n in range(1, machines + 1)]
    return forensics.Case([*names, *rows], sources, AS_OF, tool_version="9.9")


def finding(severity: str, *subjects: str, **values: Any) -> Finding:
    known: dict[str, Any] = {
        "id": f"told-{severity}:1",
        "rule": f"told-{severity}",
        "severity": severity,
        "title": f"Something of severity {severity}",
        "verdict": "match",
        "machine_id": 1,
        "subject_table": "policy",
        "subjects": tuple(Subject(name, name) for name in subjects),
        "because": (Block("paragraph", "Because."),),
        "remedy": (Block("paragraph", "Mend it."),),
        "confidence": "proved",
    }
    return Finding(**(known | values))


@pytest.mark.parametrize("name", CASES)
def test_a_screen_is_word_for_word_as_kept(name: str) -> None:
    assert screen(CASES[name]()) == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")


def test_a_healthy_disk_says_so_in_five_lines() -> None:
    for name in ("healthy", "member"):
        assert len((SCREENS / f"{name}.txt").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize("name", NAMES)
def test_every_image_fits(name: str) -> None:
    text = screen(examined(name))
    assert 4 <= height(text) <= LINES


@pytest.mark.parametrize("name", NAMES)
def test_only_commands_are_wider_than_the_terminal_and_none_is_cut(name: str) -> None:
    case = examined(name)
    commands = {block.text for found in case.finding_list for block in found.remedy if block.kind == "command"}
    told = [line for line in screen(case).splitlines() if line.startswith("      ") or len(line) > COLUMNS]
    assert [line for line in told if line.strip() not in commands] == []


def test_a_pipe_has_the_same_screen_in_whole_lines() -> None:
    lines = forensics.render(examined("web-server"), "screen").splitlines()
    assert len(lines) <= LINES
    assert lines[1].endswith("web-server.vhdx.xz")
    assert [line for line in lines if line.endswith("...")] == []


def test_counts_are_complete_where_not_all_fits() -> None:
    rows = [row for n in range(1, 41) for row in (use(n), dead(n))]
    lines = screen(case_of(*rows)).splitlines()
    assert height("\n".join(lines)) == LINES
    assert "SERVICES DOWN: 40 (40 high)" in lines
    [more] = [re.fullmatch(r"  and (\d+) more: see -v", line) for line in lines if line.startswith("  and ")]
    assert more is not None
    assert int(more[1]) == 40 - sum(line.startswith("  HIGH ") for line in lines)


def test_ten_thousand_services_are_told_in_bounds() -> None:
    rows = [row for n in range(1, 10_001) for row in (use(n), dead(n))]
    lines = screen(case_of(*rows)).splitlines()
    assert "SERVICES DOWN: 10000 (10000 high)" in lines
    assert height("\n".join(lines)) <= LINES


def test_machines_share_the_screen() -> None:
    """The first machine has thirty services down, the second one: both have their worst told, and all are counted."""
    rows = [row for n in range(1, 31) for row in (use(n), dead(n))]
    lines = screen(case_of(*rows, use(99, 2), dead(99, 2), machines=2)).splitlines()
    assert lines[1:4] == [
        "DISK         MACHINE   ROLE     DOWN DEAD SAVE   NEXT END MOVE GAPS",
        "disk1.vhdx   WEB01     server     30   30    0          -    0    0",
        "disk2.vhdx   WEB02     server      1    1    0          -    0    0",
    ]
    assert "SERVICES DOWN: 31 (31 high)" in lines
    told = [line for line in lines if line.startswith("  HIGH ")]
    assert told[:2] == [
        "  HIGH WEB01: http.sys 10.0.0.1:443; key cannot be saved",
        "  HIGH WEB02: http.sys 10.0.0.99:443; key cannot be saved",
    ]
    assert height("\n".join(lines)) <= LINES


def test_of_several_disks_those_that_must_not_be_started_are_named() -> None:
    rows = [dead(n, n, recoverable=True, hangs_on="shadow_copy") for n in (2, 3, 4)]
    said = forensics.render(case_of(*rows, machines=4), "screen")
    assert "3 (do not start WEB02, WEB03 and 1 more: 3 hang on what Windows may delete)" in said
    alone = forensics.render(case_of(dead(1, recoverable=True, hangs_on="shadow_copy")), "screen")
    assert "1 (do not start this disk: 1 hangs on what Windows may delete)" in alone


def test_of_many_machines_the_worst_are_named_and_the_others_counted() -> None:
    lines = screen(case_of(use(1, 9), dead(1, 9), machines=12)).splitlines()
    assert lines[0] == "keymortem 9.9, as of 2026-11-22. Examined 12 of 12."
    assert lines[2] == "disk9.vhdx   WEB09     server      1    1    0          -    0    0"
    assert lines[6] == "and 8 more (0 down): WEB04, WEB05, WEB06, WEB07, WEB08, WEB10, WEB11, WEB12"
    assert height("\n".join(lines)) <= LINES


def test_uses_that_one_fault_stops_are_one_entry_and_count_each() -> None:
    rows = [use(1), use(1, label="IIS Shop *:443:shop"), dead(1, recoverable=True)]
    case = case_of(*rows)
    lines = screen(case).splitlines()
    at = lines.index("SERVICES DOWN: 2 (2 high)")
    assert lines[at + 1] == "  HIGH http.sys 10.0.0.1:443 and 1 more; key can be saved"
    whole = forensics.render(case, only="services").splitlines()
    assert whole[1] == "  HIGH http.sys 10.0.0.1:443, IIS Shop *:443:shop; key can be saved"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"verdict": "usable", "broken_at": None, "recoverable": None}, "key is sound"),
        ({"recoverable": True}, "key can be saved"),
        ({"recoverable": False}, "key cannot be saved"),
        ({"recoverable": None}, "not known if key can be saved"),
    ],
)
def test_whether_the_key_can_be_saved_is_told_as_known(values: dict[str, Any], told: str) -> None:
    assert f"  HIGH http.sys 10.0.0.1:443; {told}" in screen(case_of(use(1), dead(1, **values))).splitlines()


def test_what_may_be_down_is_told_as_not_known() -> None:
    reason = "this disk does not tell which account opens the key"
    rows = [use(1, opens="unknown", opens_reason=reason, opens_broken_at=None), dead(1, verdict="unknown")]
    lines = screen(case_of(*rows)).splitlines()
    assert "No service is known to be down. Findings: none." in lines
    at = lines.index("NOT KNOWN WHETHER THEY WORK: 1")
    assert lines[at + 1 : at + 3] == ["  http.sys 10.0.0.1:443", f"    {reason}"]


def test_a_torn_hive_makes_an_outage_a_doubt() -> None:
    """The names of certificates in it may be of yesterday."""
    lines = screen(case_of(use(1, place="partial"), dead(1))).splitlines()
    assert "NOT KNOWN WHETHER THEY WORK: 1" in lines
    assert [line for line in lines if line.startswith("SERVICES DOWN")] == []


@pytest.mark.parametrize(
    "values",
    [
        {"consumer": "earlier certificate"},
        {"consumer": "EFS recovery agent"},
        {"certainty": "candidate"},
        {"opens": "usable", "opens_broken_at": None},
    ],
)
def test_what_is_no_outage_is_told_as_none(values: dict[str, Any]) -> None:
    lines = screen(case_of(use(1, **values), dead(1))).splitlines()
    assert [line for line in lines if line.startswith(("SERVICES DOWN", "NOT KNOWN"))] == []


def test_what_no_rule_speaks_of_is_told_all_the_same() -> None:
    lines = screen(case_of(dead(1), chain(not_after=utc(2026, 11, 1)))).splitlines()
    at = lines.index("FOUND: 2 (2 without a rule)")
    assert lines[at + 1] == "  BROKEN CN=site1.contoso.test; key cannot be saved"
    assert "  EXPIRED CN=alive.contoso.test" in lines


def test_less_severe_findings_are_left_out_and_counted() -> None:
    case = case_of(chain(not_after=utc(2028, 1, 1)))
    case.finding_list = [finding("critical", "one"), finding("low", "two"), finding("info", "three")]
    assert "FOUND: 2 (1 critical, 1 low)" in screen(case).splitlines()
    lines = forensics.render(case, "screen", width=COLUMNS, min_severity="high").splitlines()
    assert "Findings: 1 critical, 1 low. 1 less severe than high left out." in lines
    assert "FOUND: 1 (1 critical)" in lines
    text = forensics.render(case, "text", min_severity="high")
    assert "Something of severity critical [told-critical]" in text
    assert "Something of severity low" not in text.partition("IN SHORT")[0]
    assert text.count("  - 1 less severe than high left out\n") == 2


def test_a_disk_cannot_steer_the_terminal() -> None:
    evil = "\x1b[2Jhttp.sys\r\n\x07"
    rows = [use(1, label=evil, opens_reason=evil), dead(1, subject=evil)]
    for styled in (False, True):
        text = forensics.render(case_of(*rows), "screen", width=COLUMNS, styled=styled)
        assert re.sub(r"\x1b\[[0-9;]*m", "", text).isprintable() is False
        assert {letter for letter in re.sub(r"\x1b\[[0-9;]*m", "", text) if not letter.isprintable()} == {"\n"}


def test_headings_are_bold_and_severities_coloured() -> None:
    styled = forensics.render(examined("web-server"), "screen", width=COLUMNS, styled=True)
    assert "\x1b[1mSERVICES DOWN: 7 (6 critical, 1 high)\x1b[0m\n  \x1b[1;31mCRITICAL\x1b[0m http.sys" in styled
    assert "\n  \x1b[31mHIGH\x1b[0m 2026-12-10, in 18 days" in styled
    assert re.sub(r"\x1b\[[0-9;]*m", "", styled) == screen(examined("web-server"))


def test_the_whole_text_ends_with_the_screen() -> None:
    case = examined("sample")
    text = forensics.render(case, "text", width=COLUMNS)
    _, at, end = text.partition("\nIN SHORT\n")
    assert at
    assert end.splitlines()[1:4] == screen(case).splitlines()[2:5]
    assert "see -v" not in end
    assert height(end) < LINES


def test_nothing_examined_is_said_with_the_reason() -> None:
    empty = forensics.Case([], [SourceEntry("x", "unknown", error="x is no disk")], AS_OF, tool_version="9.9")
    assert screen(empty).splitlines() == [
        "keymortem 9.9, as of 2026-11-22. Examined 0 of 1.",
        "Nothing could be examined.",
        "NOT EXAMINED, OR IN PART: 1",
        "  x is no disk",
    ]


def test_what_was_not_examined_heads_the_screen_and_is_explained() -> None:
    case = case_of(chain(not_after=utc(2028, 1, 1)))
    case.sources.append(SourceEntry("lost.vhdx", "unknown", error="lost.vhdx cannot be read: it is damaged"))
    lines = screen(case).splitlines()
    assert lines[:2] == ["keymortem 9.9, as of 2026-11-22", "Examined 1 of 2: not lost.vhdx."]
    at = lines.index("NOT EXAMINED, OR IN PART: 1")
    assert lines[at + 1] == "  lost.vhdx cannot be read: it is damaged"


def test_what_is_no_machine_of_today_is_said_before_what_it_has() -> None:
    case = case_of(chain(not_after=utc(2028, 1, 1)))
    case.sources[0].older_state_of = "disk-000002.avhdx"
    lines = forensics.render(case, "screen").splitlines()
    assert lines[1] == "disk1.vhdx is an older state of a machine: the present one is disk-000002.avhdx"
    assert "Nothing is known to be down" not in "\n".join(lines)


def test_sections_that_have_nothing_say_so() -> None:
    case = case_of(chain(not_after=utc(2028, 1, 1)))
    told = {name: forensics.render(case, only=name) for name in ("services", "savable", "not-known", "problems")}
    assert told == {
        "services": "No service that uses a certificate is known to be down.\n",
        "savable": "There is no dead key that can be had from here.\n",
        "not-known": "Of no service it is left open whether it works.\n",
        "problems": "There is nothing to tell of problems.\n",
    }


def test_a_section_alone_is_complete() -> None:
    rows = [dead(n, not_after=utc(2026, 12, 1)) for n in range(1, 31)]
    case = case_of(*rows)
    assert len(forensics.render(case, only="ending").splitlines()) == 31
    assert len(forensics.render(case, only="broken").splitlines()) == 62
    recoverable = [replace(row, recoverable=True) for row in rows]
    assert len(forensics.render(case_of(*recoverable), only="savable").splitlines()) == 31


def test_no_section_of_that_name() -> None:
    with pytest.raises(ValueError, match="there is no section 'all'; there are services, savable"):
        forensics.render(case_of(), only="all")
    with pytest.raises(ValueError, match="chosen of a case as screen or text, not of this"):
        forensics.render(case_of(), "json", only="services")


@pytest.mark.parametrize("name", forensics.SECTIONS)
def test_every_section_can_be_had(name: str, tmp_path: Path) -> None:
    case = examined("web-server")
    text = forensics.render(case, only=name)
    forensics.write(case, "text", tmp_path / "part.txt", only=name)
    assert text
    assert (tmp_path / "part.txt").read_text(encoding="utf-8") == text


def test_the_screen_of_a_case_names_each_section_once() -> None:
    told = FirstScreen(examined("laptop")).lines(COLUMNS)
    heads = [line.partition(":")[0] for line in told if re.match(r"[A-Z ,0-9]+: \d", line)]
    assert len(heads) == len(set(heads))
