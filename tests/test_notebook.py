"""What a notebook shows of a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import forensics
from forensics.tables.source import SourceEntry
from tests.paths import IMAGES


@pytest.fixture(scope="module")
def case() -> forensics.Case:
    return forensics.examine(IMAGES / "sample.vhdx.xz", as_of=datetime(2026, 11, 22, tzinfo=UTC))


def _completed(value: object) -> list[str]:
    return [name for name in dir(value) if not name.startswith("_")]


def test_what_a_case_completes_is_what_a_reader_asks(case: forensics.Case) -> None:
    assert [name for name in _completed(case) if name not in case.tables] == [
        *("as_of", "examined_otherwise", "explain", "findings", "frame", "has_findings", "is_empty", "is_incomplete"),
        *("not_examined", "rows", "rules_unanswered", "save", "shows_older_state", "sources", "timeline"),
    ]
    assert set(case.tables) <= set(_completed(case))
    assert all(hasattr(case, name) for name in _completed(case))


def test_what_an_answer_completes_is_what_a_reader_asks(case: forensics.Case) -> None:
    assert _completed(forensics.describe_tables()) == ["formats", "render", "tables"]
    assert _completed(forensics.list_rules()) == ["formats", "render", "rules"]
    soon = forensics.expiring(case, timedelta(days=90))
    assert _completed(soon) == ["case", "chains", "formats", "render", "within"]


def test_findings_are_a_data_frame_ordered_by_severity(case: forensics.Case) -> None:
    findings = case.findings
    assert findings.rule[0] == "generalize-orphaned-keys"
    assert str(findings.severity[0]) == "critical"
    assert (findings.severity >= "high").sum() == sum(f.severity in ("high", "critical") for f in case.finding_list)
    assert findings.subjects[0] == [s.id for s in case.finding_list[0].subjects]
    assert list(forensics.Case().findings.dtypes.items()) == list(findings.dtypes.items())


def test_explain_prints_the_chain(case: forensics.Case) -> None:
    explanation = case.explain("512846")
    text = repr(explanation)
    assert text == explanation.render()
    assert "5128463CB51FB4BFB5489BA043D6FCE174F6CA79" in text
    assert "generalize-orphaned-keys" in text
    with pytest.raises(KeyError, match="nothing in this case is called 'no-such-name'"):
        case.explain("no-such-name")


def test_timeline_tells_past_and_future(case: forensics.Case) -> None:
    times = case.timeline()
    assert str(times.time.dtype) == "datetime64[us, UTC]"
    assert times.time.is_monotonic_increasing
    assigned = times[times.text.str.startswith("Setup assigned a MachineGuid 44d42aa2")]
    assert assigned.time.tolist() == [pd.Timestamp("2025-11-07T06:30:02Z")]
    assert assigned.is_local.tolist() == [True]
    ends = times[(times.kind == "expiry") & times.text.str.contains("vpn.contoso.test")]
    assert ends.time.tolist() == [pd.Timestamp("2026-12-05T00:00:00Z")]
    secrets = times[times.text == "The present DPAPI_SYSTEM was set"]
    assert secrets.time.tolist() == [pd.Timestamp("2025-11-07T06:30:02Z")]


def test_summary_names_the_sources_that_were_not_examined() -> None:
    lost = SourceEntry("<lost>.vhdx", "unknown", error="<lost>.vhdx does not exist: check its name")
    case = forensics.Case([], [SourceEntry("disk.vhdx", "disk", [1]), lost])
    told = (
        "<p>Not examined:</p><ul><li><code>&lt;lost&gt;.vhdx</code>: &lt;lost&gt;.vhdx does not exist: check its name"
    )
    assert told in case._repr_html_()
    assert repr(case) == "<Case of 2 sources, 1 of them not examined; empty>"
    many = forensics.Case([], [SourceEntry(f"{n}", "unknown", error="no") for n in range(14)])._repr_html_()
    assert many.count("<li>") == 13
    assert "<li>and 2 more: <code>case.sources</code></li></ul>" in many
    assert "Not examined" not in forensics.Case([], [SourceEntry("disk.vhdx", "disk", [1])])._repr_html_()


def test_summary_is_html_that_names_cannot_break(case: forensics.Case) -> None:
    html = case._repr_html_()
    assert "<b>WEB01</b>, as of 2026-11-22: 5 keys broken, 3 usable, 1 undecided." in html
    assert "generalize-orphaned-keys" in html
    finding = replace(case.finding_list[0], title="<script>alert(1)</script>")
    assert "<script>" not in forensics.Case(case.rows("machine"), findings=[finding])._repr_html_()


def test_summary_is_in_the_spoken_language(case: forensics.Case) -> None:
    with forensics.speaking("ja"):
        html = case._repr_html_()
    assert "<b>WEB01</b>, 基準日 2026-11-22: 使用不能のキー 5 個、使用可能 3 個、判定不能 1 件。</p>" in html
    assert "<tr><th>重大度</th><th>検出結果</th><th>対象</th><th>ルール</th></tr><tr><td>重大</td>" in html
