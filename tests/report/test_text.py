"""The text report: its exact lines, its width, and what a hostile disk cannot make it do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.report.facts import label
from forensics.report.text import render_text
from forensics.tables.finding import Block, EvidenceRow, Finding, Subject
from forensics.tables.outcome import State
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from forensics.tables.use import CertificateUseRow
from tests.examined import examined
from tests.hand_made import ALIVE, AS_OF, DEAD, MASTER, NOW_PATH, OLD_PATH, PAST, case, chain, dead_chain, machine, utc

EXPECTED = f"""\
keymortem 9.9, as of 2026-11-22
WEB01: Windows Server 2019 Standard build 17763.5, domain contoso.test, in disk.vhdx

Of 2 certificates that have or should have a private key: 1 broken, 1 usable, 0 undecided; 1 more expired. \
The next to expire is CN=alive.contoso.test, on 2026-12-02.

BROKEN: Windows on this disk cannot open these private keys
  1. The key file is named for MachineGuid 0c5b9d5e-1111-2222-3333-444455556666; \
this machine's is 44d42aa2-dee4-4023-bea5-d2f166bbb42c.
     - CN=dead.contoso.test, store MY of the computer, valid until 2027-05-06
       thumbprint {DEAD}
       key file {OLD_PATH}

EXPIRED: certificates with a private key whose last day is past
  - 2026-11-21: CN=past.contoso.test, store MY of the computer, {PAST}

EXPIRES NEXT: every certificate with a private key that ends within 180 days
  - 2026-12-02, in 10 days: CN=alive.contoso.test, store MY of the computer, {ALIVE}
  - 2027-05-06, in 165 days: CN=dead.contoso.test, store MY of the computer, {DEAD}; key dead, breaks at key_file

WELL: opened and proved, Windows on this disk would open these keys
  - CN=alive.contoso.test, store MY of the computer, {ALIVE}, valid until 2026-12-02

SOUND, BUT: Windows would open these keys too; their certificates have ended, or a service cannot use them
  - CN=past.contoso.test, store MY of the computer, {PAST}, expired 2026-11-21

NOT EXAMINED, or only in part: what is missing there is not said to be absent
  - hive, not in this source: SAM

PROBLEMS: 1 while reading (truncated 1); the rest was examined all the same
  - Windows/x.dat: the file is cut off
"""


def only(*rows: Row) -> str:
    return render_text(CaseTables([machine(), *rows], [SourceEntry("disk.vhdx", "disk", [1])], AS_OF))


def test_report_for_a_pipe() -> None:
    assert render_text(case()) == EXPECTED


def test_folded_report_says_the_same_words_within_the_width() -> None:
    folded = render_text(case(), width=72)
    assert folded.split() == EXPECTED.split()
    assert max(len(line) for line in folded.splitlines() if OLD_PATH not in line) == 72


def test_bold_marks_headings_only() -> None:
    bold = render_text(case(), styled=True)
    assert [line for line in bold.splitlines() if "\x1b" in line] == [
        f"\x1b[1m{heading}\x1b[0m"
        for heading in re.findall(r"^[A-Z]{2}.*$", EXPECTED, re.M)
        if not heading.startswith("WEB01")
    ]
    assert bold.replace("\x1b[1m", "").replace("\x1b[0m", "") == EXPECTED


def test_certificates_of_one_reason_stand_under_one_sentence() -> None:
    text = only(
        dead_chain(),
        dead_chain(thumbprint="E" * 40, subject="CN=second"),
        chain(verdict="unknown", private_key="sealed_tpm"),
    )
    assert text.count("The key file is named for MachineGuid") == 1
    assert "CN=second, store MY of the computer" in text
    assert "The key is sealed by a TPM, real or virtual, and opens with that one only." in text


def test_reasons_with_certificates_still_valid_come_before_expired_ones() -> None:
    gone = {"key_file": "absent", "not_after": utc(2020, 1, 1), "reason": "the key file is not on this disk"}
    text = only(
        dead_chain(thumbprint="1" * 40, **gone),
        dead_chain(thumbprint="2" * 40, **gone),
        dead_chain(broken_at="service", reason="the service CNG Key Isolation (KeyIso) is disabled"),
    )
    lines = [line for line in text.splitlines() if re.match(r"  \d+\. ", line)]
    assert lines == [
        "  1. The service CNG Key Isolation (KeyIso) is disabled.",
        "  2. The key file is not on this disk.",
    ]


def test_master_key_is_named_where_the_chain_breaks_at_it() -> None:
    text = only(
        dead_chain(broken_at="secret", unlocked_by="previous"),
        dead_chain(broken_at="secret", unlocked_by="previous", master_key_guid="another"),
    )
    assert [line for line in text.splitlines() if line.startswith("       master key ")] == [
        f"       master key {MASTER}",
        "       master key another",
    ]


def test_too_open_key_is_a_warning() -> None:
    lines = only(chain(access="too_open", not_after=utc(2040, 1, 1))).splitlines()
    start = lines.index("WARNING: these keys work, but the access list lets everybody read the key file")
    assert lines[start + 1 :] == [
        "  - CN=alive.contoso.test, store MY of the computer, valid until 2040-01-01",
        f"    thumbprint {ALIVE}",
        f"    key file {NOW_PATH}",
    ]


def test_a_key_file_that_no_certificate_names_has_no_store_and_no_last_day() -> None:
    orphan = dead_chain(thumbprint=None, subject=None, store=None, store_scope=None, not_after=None)
    subject = Subject(orphan.key_file_path or "", "TSSecKeySet1")
    told = Finding(
        id="f1",
        rule="key-readable-by-everyone",
        severity="low",
        title="Every account may read it",
        verdict="match",
        subject_table="key_chain",
        subjects=(subject,),
        because=(Block("paragraph", "Everyone reads it."),),
        remedy=(),
        confidence="proved",
        machine_id=1,
        evidence=(EvidenceRow("key_chain", 0, ""),),
    )
    text = render_text(CaseTables([machine(), orphan], [SourceEntry("disk.vhdx", "disk", [1])], AS_OF, [told]))
    assert f"- {label(orphan)}, which no certificate names" in [line.strip() for line in text.splitlines()]
    assert "store ?" not in text
    assert "last day not read" not in text


def test_a_problem_without_a_place_is_told_by_itself() -> None:
    problem = ProblemRow(machine_id=0, source_path="", kind="unknown_user", message="a password was given for nobody")
    assert "  - a password was given for nobody" in only(chain(), problem).splitlines()


def test_orphan_key_files_are_told_apart_from_certificates() -> None:
    orphan = dead_chain(thumbprint=None, subject=None, store=None, store_scope=None, not_after=None)
    lines = only(orphan).splitlines()
    assert "No certificate here names a private key or should have one." in lines
    assert f"  - {OLD_PATH}: container TSSecKeySet1, does not open (breaks at key_file), recoverable" in lines


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("not_examined", "was not there to read."),
        ("absent", "was not there to read."),
        ("unreadable", "cannot be read."),
    ],
)
def test_without_the_certificate_stores_nothing_is_said_to_name_no_key(outcome: State, said: str) -> None:
    orphan = dead_chain(thumbprint=None, subject=None, store=None, store_scope=None, not_after=None)
    hive = CoverageRow(machine_id=1, source_path="SOFTWARE", area="hive", name="SOFTWARE", outcome=outcome)
    text = only(orphan, hive)
    assert (
        "No certificate could be judged: the SOFTWARE hive, which holds the computer's certificate stores, " + said
    ) in text.splitlines()
    assert "No certificate here names" not in text
    assert "KEY FILES THAT NO CERTIFICATE NAMES" not in text
    assert "KEY FILES WITHOUT THEIR CERTIFICATES: the certificate stores of the computer were not seen whole" in text


def test_one_certificate_that_cannot_be_read_is_not_the_whole_hive() -> None:
    orphan = dead_chain(thumbprint=None, subject=None, store=None, store_scope=None, not_after=None)
    hive = CoverageRow(machine_id=1, source_path="SOFTWARE", area="hive", name="SOFTWARE", outcome="present")
    unread = CoverageRow(machine_id=1, source_path="x", area="certificate", name="AA", outcome="unreadable")
    told = "No certificate could be judged: a certificate in the computer's stores cannot be read."
    assert told in only(orphan, hive, unread).splitlines()


def test_two_machines_are_named_where_they_matter() -> None:
    text = only(machine(machine_id=2, computer_name="DB02"), chain(), dead_chain(machine_id=2))
    assert "  1. On DB02: The key file is named for MachineGuid" in text
    assert "  - On WEB01: CN=alive.contoso.test, store MY of the computer" in text


def test_long_lists_say_how_much_they_leave_out() -> None:
    text = only(*(chain(thumbprint=f"{n:040X}", not_after=utc(2040, 1, 1)) for n in range(25)))
    well = text.split("WELL:")[1].splitlines()
    assert well[20:22] == [
        f"  - CN=alive.contoso.test, store MY of the computer, {19:040X}, valid until 2040-01-01",
        "  - and 5 more: see --format json",
    ]


def test_a_key_whose_access_list_was_not_read_is_well_with_that_said() -> None:
    text = only(chain(), chain(thumbprint="BB", access="not_examined", not_after=utc(2028, 1, 1)))
    told = "WELL: opened and proved, Windows on this disk would open these keys"
    assert text.split(f"{told}\n")[1].splitlines()[0].startswith("  - CN=alive.contoso.test, store MY")
    assert text.split(f"{told}, unless access lists that were not read forbid it\n")[1].count("  - CN=") == 1


def test_a_key_that_a_service_cannot_read_is_not_well() -> None:
    shut_out = CertificateUseRow(
        machine_id=1, source_path="SOFTWARE", thumbprint=ALIVE, consumer="SQL Server", detail="A", label="SQL Server A",
        certainty="proved", store="MY", opens="unusable",
    )  # fmt: skip
    said = f"CN=alive.contoso.test, store MY of the computer, {ALIVE}, valid until 2026-12-02"
    text = only(chain(), shut_out)
    assert "WELL:" not in text
    assert text.split("SOUND, BUT:")[1].splitlines()[1] == f"  - {said}; not for SQL Server A"
    for use in (replace(shut_out, certainty="candidate"), replace(shut_out, store="Other")):
        assert only(chain(), use).split("WELL:")[1].splitlines()[1] == f"  - {said}"


@pytest.mark.parametrize("width", [None, 60])
def test_nothing_from_the_disk_steers_the_terminal(width: int | None) -> None:
    evil = (
        "CN=\x1b]0;owned\x07\x1b[2J\u202egro.live\u202c\u200f\u2066\u200b\nBROKEN: nothing\r\x9b31m\x85\u2028\ud800end"
    )
    text = render_text(
        case(dead_chain(subject=evil, thumbprint="F" * 40), machine(machine_id=7, computer_name=evil)), width
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", text)
    # What stood behind the line break did not become a line of its own.
    assert not [line for line in text.splitlines() if line.startswith("BROKEN: nothing")]
    assert "CN=]0;owned[2Jgro.live BROKEN: nothing 31m end" in " ".join(text.split())


def test_what_was_not_examined_is_one_line_for_one_reason() -> None:
    gap: dict[str, Any] = {"machine_id": 1, "source_path": "x", "outcome": "not_examined"}
    names = [CoverageRow(**gap, area="folder", name=f"f{n}") for n in range(22)]
    text = only(
        *names, CoverageRow(**gap | {"outcome": "unreadable"}, area="volume", name="D", detail="locked by BitLocker")
    )
    lines = text.split("NOT EXAMINED")[1].splitlines()
    assert lines[1:] == [
        f"  - folder, not in this source: {', '.join(f'f{n}' for n in range(20))} and 2 more (see --format json)",
        "  - volume, locked by BitLocker: D",
    ]


def test_files_of_one_name_are_told_apart_by_their_paths() -> None:
    gap: dict[str, Any] = {"machine_id": 1, "outcome": "not_examined", "area": "log"}
    paths = ["Windows/Panther/setupact.log", "Windows/Panther/UnattendGC/setupact.log"]
    rows = [CoverageRow(**gap, name="setupact.log", source_path=path) for path in paths]
    text = only(*rows, CoverageRow(**gap, name="System.evtx", source_path="Windows/System32/winevt/Logs/System.evtx"))
    assert " ".join(text.split("NOT EXAMINED")[1].splitlines()[1].split()) == (
        f"- log, not in this source: {paths[0]}, {paths[1]}, System.evtx"
    )


def test_second_opinion_is_told_at_the_top() -> None:
    row = CoverageRow(
        machine_id=1,
        source_path="impacket",
        area="proof",
        name="second opinion",
        outcome="present",
        detail="agrees with 7 of 8",
    )
    assert only(row).splitlines()[2] == "second opinion: agrees with 7 of 8"


def test_endless_values_are_cut() -> None:
    text = only(dead_chain(subject="x" * 1_000_000))
    assert "  - " + "x" * 400 + "..." in text
    assert len(text) < 10_000


def test_nothing_examined_says_so_and_why() -> None:
    empty = CaseTables(
        [], [SourceEntry("lost.vhdx", "unknown", [], "there is no such file")], AS_OF, tool_version="9.9"
    )
    assert render_text(empty) == (
        "keymortem 9.9, as of 2026-11-22\nlost.vhdx: there is no such file\n\nNothing could be examined.\n"
    )


def test_a_service_whose_own_account_opens_the_key_is_not_said_to_be_hit() -> None:
    # The binding of http.sys opens it as SYSTEM, which the access list admits; Remote Desktop does not.
    said = render_text(examined("odd-server")).splitlines()[3]
    assert said.endswith("1 service uses a broken one: RDP RDP-Tcp.")
