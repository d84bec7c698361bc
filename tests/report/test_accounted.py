"""The words about what was examined and what was not, which head every output."""

from __future__ import annotations

import json
from datetime import timedelta

import forensics
from forensics.case import Case
from forensics.report.accounted import examined_line, head_lines
from forensics.tables.source import SourceEntry
from tests.hand_made import AS_OF, rows

FOLDER = SourceEntry("case", "folder", [1])
WEB = SourceEntry("case/web.vhdx", "disk", [1], found_in="case")
PARENT = SourceEntry("case/base.vhdx", "vhdx", found_in="case", older_state_of="case/web.vhdx")
WIM = SourceEntry("case/install.wim", "unknown", [], "a WIM image: apply it", found_in="case")
OLD = SourceEntry(
    "case/db.vmdk",
    "unknown",
    [],
    "older state of case/db-1.vmdk, which",
    found_in="case",
    older_state_of="case/db-1.vmdk",
)
COPY = SourceEntry(
    "case/web.vhdx.gz",
    "unknown",
    [],
    "the same as case/web.vhdx, examined once",
    found_in="case",
    same_as="case/web.vhdx",
)
NAMED_OLD = SourceEntry("db.vmdk", "disk", [1], older_state_of="db-1.vmdk")


def test_one_source_that_was_examined_needs_no_words() -> None:
    assert head_lines([SourceEntry("web.vhdx", "disk", [1])]) == []
    assert head_lines([FOLDER, WEB]) == []
    assert head_lines([FOLDER, WEB, PARENT]) == []


def test_one_source_that_was_not() -> None:
    assert head_lines([SourceEntry("a", "unknown", [], "a does not exist")]) == ["a does not exist"]
    assert head_lines([SourceEntry("a", "unknown", [], "no disk")]) == ["a: no disk"]


def test_what_was_not_examined_is_counted_and_named() -> None:
    assert head_lines([FOLDER, WEB, PARENT, WIM, OLD, COPY]) == [
        "Examined 2 of 4: not install.wim, db.vmdk.",
        "case/install.wim: a WIM image: apply it",
        "case/db.vmdk: older state of case/db-1.vmdk, which",
        "case/web.vhdx.gz: the same as case/web.vhdx, examined once",
    ]


def test_forty_sources_of_which_some_are_missing() -> None:
    entries = [SourceEntry(f"{n}", "disk", [n]) for n in range(1, 34)]
    entries += [SourceEntry(f"lost{n}", "unknown", [], "gone") for n in range(7)]
    assert examined_line(entries) == "Examined 33 of 40: not lost0, lost1, lost2, lost3, lost4 and 2 more."


def test_more_reasons_than_anybody_reads() -> None:
    entries = [SourceEntry(f"{n}", "unknown", [], "gone") for n in range(30)]
    assert len(head_lines(entries)) == 22
    assert head_lines(entries)[-1] == "and 10 more: see --format json"


def test_an_older_state_that_was_named_is_told_and_is_no_machine_of_today() -> None:
    case = Case([], [NAMED_OLD], AS_OF)
    sentence = "db.vmdk is an older state of a machine: the present one is db-1.vmdk"
    assert case.not_examined == [sentence]
    assert (case.shows_older_state, case.judges_nothing) == (True, True)
    beside = Case([], [WEB, OLD], AS_OF)
    assert (beside.shows_older_state, beside.judges_nothing) == (True, False)
    read_as_parent = Case([], [FOLDER, WEB, PARENT], AS_OF)
    assert (read_as_parent.shows_older_state, read_as_parent.judges_nothing) == (False, False)


def test_every_output_begins_with_it() -> None:
    case = Case(rows(), [FOLDER, WEB, WIM], AS_OF, tool_version="9.9")
    line, reason = "Examined 1 of 2: not install.wim.", "case/install.wim: a WIM image: apply it"
    text = forensics.render(case)
    assert f"\n{line}\n  - {reason}\n" in text
    assert text.index(line) < text.index("Of ")
    html = forensics.render(case, "html")
    assert "Examined 1 of 2 pieces of evidence" in html
    assert reason in html
    assert "証拠 2 件のうち 1 件を調査" in forensics.render(case, "html", language="ja")
    assert forensics.expiring(case, timedelta(days=9999)).render().startswith(f"{line}\n{reason}\n")
    chain = next(c for c in case.rows("key_chain") if c.thumbprint)
    assert forensics.explain(case, chain.thumbprint).render().startswith(f"{line}\n{reason}\n")
    metrics = forensics.render(case, "prom")
    assert 'keymortem_evidence{state="examined"} 1.0' in metrics
    assert 'keymortem_evidence{state="not_examined"} 1.0' in metrics
    assert "Examined 1 of 2: not install.wim." in forensics.render(case, "ics").replace("\r\n ", "")
    compared = forensics.compare(case, case)
    assert compared.render().startswith(f"Before: case\n  {line}\n  {reason}\nAfter: case\n  {line}\n")
    assert json.loads(compared.render("json"))["not_examined"]["before"] == [line, reason]
    assert f"Before: {line}" in compared.render("html")
    assert [s["path"] for s in json.loads(forensics.render(case, "json"))["sources"]] == [
        "case",
        "case/web.vhdx",
        "case/install.wim",
    ]
