"""Findings in the text report: they lead, their consequences hang under them, and nothing is said twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forensics.asked_rules import ask_rules
from forensics.case_tables import CaseTables
from forensics.engine.loader import load_packs
from forensics.report.explain import UnknownSubjectError
from forensics.report.explain_subject import explain_subject
from forensics.report.findings import counts
from forensics.report.text import MOST_SUBJECTS, render_text
from forensics.tables.source import SourceEntry
from tests.engine.rule_files import write_rules
from tests.hand_made import ALIVE, AS_OF, DEAD, OLD_PATH, PAST, case, chain, dead_chain, machine, utc

GUID = {
    "id": "guid",
    "title": "Keys of an earlier identity",
    "severity": "critical",
    "confidence": "likely",
    "when": {"key_file": "other_machine_guid"},
    "because": "The files carry another name.\nIt was changed.",
    "remedy": "Copy it:\n    copy {{ key_file_path | path }}",
    "covers": "broken",
    "explains": ["effect"],
}
EFFECT = {"id": "effect", "title": "It cannot be exported", "severity": "medium", "when": {"broken_at": "key_file"}}
EXPIRED = {
    "id": "expired",
    "title": "The certificate has expired",
    "severity": "low",
    "when": {"its last day is past": "this.not_after < (SELECT as_of FROM examination)"},
    "because": "It ended on {{ not_after | date }}.",
    "remedy": None,
    "covers": ["expired"],
}
INFORMATION = {"id": "info", "title": "There are keys", "severity": "info", "when": {"verdict": "usable"}}
MACHINE = {"id": "m", "title": "It is a machine", "for": "machine", "severity": "low", "when": {"a": "1"}}
HEAD = "FINDINGS: what is the matter, the worst first"


def judged(whole: CaseTables, folder: Path, *rules: dict[str, Any]) -> CaseTables:
    ask_rules(whole, load_packs([write_rules(folder, *rules)], built_in=False))
    return whole


def section(text: str, heading: str) -> list[str]:
    [_, rest] = text.split(heading + "\n")
    return rest.split("\n\n")[0].splitlines()


def test_findings_lead_and_replace_what_they_cover(tmp_path: Path) -> None:
    text = render_text(judged(case(), tmp_path, GUID, EFFECT, EXPIRED))
    assert section(text, HEAD) == [
        "  1. CRITICAL, likely: Keys of an earlier identity [guid]",
        "     The files carry another name. It was changed.",
        "     What can be done: Copy it:",
        "       # as the rule pack has it, not checked",
        f"       copy {OLD_PATH}",
        "     - CN=dead.contoso.test, store MY of the computer, valid until 2027-05-06",
        f"       thumbprint {DEAD}",
        f"       key file {OLD_PATH}",
        "     * From this follows MEDIUM: It cannot be exported [effect]",
        "       1 of CN=dead.contoso.test.",
        "       What can be done: Do something.",
        "  2. LOW: The certificate has expired [expired]",
        "     It ended on 2026-11-21.",
        "     - CN=past.contoso.test, store MY of the computer, expired 2026-11-21",
        f"       thumbprint {PAST}",
        "       key file C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\"
        "6de9cb26d2b98c01ec4e9e8b34824aa2_44d42aa2-dee4-4023-bea5-d2f166bbb42c",
    ]
    assert "BROKEN" not in text
    assert "EXPIRED: " not in text
    # The head counts everything that is in force all the same.
    have = "Of 2 certificates that have or should have a private key"
    assert f"{have}: 1 broken, 1 usable, 0 undecided; 1 more expired." in text


def test_chains_that_no_finding_covers_say_their_own_reason(tmp_path: Path) -> None:
    reason = "the key file is not on this disk"
    other = dead_chain(thumbprint="D" * 40, subject="CN=other", key_file="absent", recoverable=False, reason=reason)
    text = render_text(judged(case(other), tmp_path, GUID))
    broken = section(text, "BROKEN: Windows on this disk cannot open these private keys")
    assert broken == [
        "  1. The key file is not on this disk.",
        "     - CN=other, store MY of the computer, valid until 2027-05-06",
        f"       thumbprint {'D' * 40}",
        f"       key file {OLD_PATH}",
    ]


def test_a_finding_that_is_explained_only_in_part_is_a_cause_too(tmp_path: Path) -> None:
    other = dead_chain(thumbprint="D" * 40, subject="CN=other", key_file="absent")
    text = render_text(judged(case(other), tmp_path, GUID, EFFECT))
    heads = [line for line in section(text, HEAD) if line.endswith("]")]
    assert heads == [
        "  1. CRITICAL, likely: Keys of an earlier identity [guid]",
        "     * From this follows MEDIUM: It cannot be exported [effect]",
        "  2. MEDIUM: It cannot be exported [effect]",
    ]


def test_rules_that_explain_each_other_are_both_told(tmp_path: Path) -> None:
    text = render_text(judged(case(), tmp_path, GUID, {**EFFECT, "explains": ["guid"]}))
    assert [line[:5] for line in section(text, HEAD) if line.startswith(("  1.", "  2."))] == [
        "  1. ",
        "  2. ",
    ]


def test_information_comes_later_and_is_no_finding_for_the_exit_code(tmp_path: Path) -> None:
    whole = judged(CaseTables([machine(), chain()], [SourceEntry("d", "disk", [1])], AS_OF), tmp_path, INFORMATION)
    assert not counts(whole.finding_list)
    text = render_text(whole)
    assert HEAD not in text
    assert section(text, "FOR INFORMATION: nothing is wrong with this; keymortem explain tells more") == [
        "  - There are keys [info]",
        "    1 of CN=alive.contoso.test.",
    ]
    assert text.index("WELL:") < text.index("FOR INFORMATION")


def test_machines_are_named_where_there_are_several(tmp_path: Path) -> None:
    whole = judged(case(machine(machine_id=2, computer_name="DB02")), tmp_path, MACHINE)
    assert section(render_text(whole), HEAD) == [
        "  1. LOW: It is a machine [m]",
        "     On WEB01: 1 of WEB01.",
        "     What can be done: Do something.",
        "  2. LOW: It is a machine [m]",
        "     On DB02: 1 of DB02.",
        "     What can be done: Do something.",
    ]


def test_many_subjects_are_counted(tmp_path: Path) -> None:
    chains = [dead_chain(thumbprint=f"{n:040X}") for n in range(MOST_SUBJECTS + 3)]
    text = render_text(judged(CaseTables([machine(), *chains], as_of=AS_OF), tmp_path, GUID))
    assert "     - and 3 more: see --format json" in text.splitlines()


def test_another_date_asks_the_rules_again(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, EXPIRED)], built_in=False)
    whole = case()
    ask_rules(whole, packs)
    assert [s.id for s in whole.finding_list[0].subjects] == [PAST]
    whole.as_of = utc(2027, 1, 1)
    ask_rules(whole, packs)
    assert [s.id for s in whole.finding_list[0].subjects] == [ALIVE, PAST]
    assert len(whole.rows("problem")) == 1


def test_nothing_in_a_rule_or_on_the_disk_steers_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2J\u202ex"
    rule = {**GUID, "title": f"t{evil}", "because": f"b{evil}\n\n- {{{{ subject }}}}", "remedy": f"    c{evil}"}
    text = render_text(judged(case(dead_chain(subject=evil, thumbprint="F" * 40)), tmp_path, rule))
    assert not set("\x1b\u202e\x07") & set(text)


@pytest.mark.parametrize("wanted", [DEAD, "dead.contoso"])
def test_explain_tells_the_chain_and_every_rule(wanted: str, tmp_path: Path) -> None:
    near = {**EFFECT, "id": "near", "when": {"all": [{"a": "1"}, {"b": "1"}, {"access": "denied"}]}}
    nested = {**EFFECT, "id": "nested", "when": {"all": [{"a": "1"}, {"any": [{"b": "0"}, {"c": "NULL"}]}]}}
    packs = load_packs([write_rules(tmp_path, GUID, EXPIRED, near, nested)], built_in=False)
    told = explain_subject(case(), packs, wanted)
    assert (told.candidates, told.has_findings) == ((), True)
    text = told.render()
    assert text.startswith("CN=dead.contoso.test\n  on WEB01")
    assert section(text, "What the rules say of it") == [
        "  MATCH: Keys of an earlier identity [guid]",
        "    yes      key_file is other_machine_guid",
        "  UNKNOWN: It cannot be exported [nested]",
        "    yes      a",
        "    unknown  any of",
        "      no       b",
        "      unknown  c",
        "  NEAR MISS: It cannot be exported [near]",
        "    yes      a",
        "    yes      b",
        "    no       access is denied",
        "  Not these, because of the conditions named:",
        "    expired: its last day is past",
    ]


def test_consequences_and_information_are_told_in_short(tmp_path: Path) -> None:
    long = {**EFFECT, "because": "First paragraph:\n- of {{ each.container }}\n\nSecond paragraph."}
    text = render_text(judged(case(), tmp_path, GUID, long))
    [place] = [n for n, line in enumerate(text.splitlines()) if "From this follows" in line]
    assert text.splitlines()[place + 1 : place + 5] == [
        "       First paragraph:",
        "       - of TSSecKeySet1",
        "       About CN=dead.contoso.test",
        "       What can be done: Do something.",
    ]


def test_subjects_that_the_text_names_are_not_listed_again(tmp_path: Path) -> None:
    user = {"for": "user", "title": "A user", "when": {"a": "1"}, "remedy": None}
    named = {**user, "id": "named", "because": "Of {{ sid }}."}
    silent = {**user, "id": "silent", "because": "Of somebody.", "severity": "low"}
    assert section(render_text(judged(case(), tmp_path, named, silent)), HEAD) == [
        "  1. HIGH: A user [named]",
        "     Of S-1-5-21-1-2-3-1001.",
        "  2. LOW: A user [silent]",
        "     Of somebody.",
        "     - anna, S-1-5-21-1-2-3-1001",
    ]


def test_explain_tells_the_whole_text_of_what_matches_and_not_the_chains_own_reason(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, GUID)], built_in=False)
    whole = case()
    reason = "The key file is named for MachineGuid"
    assert reason in explain_subject(whole, packs, DEAD).render()
    ask_rules(whole, packs)
    told = explain_subject(whole, packs, DEAD).render()
    assert reason not in told
    assert section(told, "What the rules say of it") == [
        "  MATCH: Keys of an earlier identity [guid]",
        "    yes      key_file is other_machine_guid",
        "    The files carry another name. It was changed.",
        "    What can be done: Copy it:",
        "      # as the rule pack has it, not checked",
        f"      copy {OLD_PATH}",
    ]


def test_explain_of_something_that_is_no_key(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, MACHINE)], built_in=False)
    told = explain_subject(case(), packs, "WEB01")
    assert told.render() == "What the rules say of it\n  MATCH: It is a machine [m]\n    yes      a\n"
    with pytest.raises(UnknownSubjectError, match="nothing in this case is called 'nobody'"):
        explain_subject(case(), packs, "nobody")
