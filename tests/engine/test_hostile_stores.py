"""Evidence made to keep the rules busy: thousands of certificates that all look alike, and rules that never end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count as counting
from pathlib import Path
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.evidence import FoundRows
from forensics.engine.fence import Fence, RuleStoppedError
from forensics.engine.findings import hang_consequences
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import TimeOfRule, run, run_on, seconds_per_rule
from forensics.engine.templates import MOST_LINES, fill
from forensics.report.text import render_text
from forensics.tables.finding import Finding, Subject, as_text
from forensics.tables.registry import by_table
from forensics.tables.row import Row
from tests.engine.rule_files import tables, write_rules

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
KEY = "ProgramData/Microsoft/Crypto/RSA/MachineKeys/k"
CASES = (
    "identical",
    "identical without key link",
    "identical beside requests",
    "of one subject",
    "in three stores",
    "without certificate",
)


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs()


def store(count: int, kind: str) -> dict[str, list[Row]]:
    """Return the tables of a machine whose store was filled by somebody who knows what the rules look up."""
    made: dict[str, list[dict[str, Any]]] = {
        "machine": [{"computer_name": "WEB01", "last_shutdown": "2026-11-22", "machine_guid": "g"}],
        "coverage": [{"area": "hive", "name": n, "outcome": "present"} for n in ("SYSTEM", "SOFTWARE")],
        "template": [
            {"name": "T", "owner_sid": "S-1-5-18", "enrollment_flags": 32, "renewal_overlap_seconds": 5_000_000}
        ],
        "certificate_use": [
            {"consumer": "IIS", "certainty": "proved", "thumbprint": "A", "store": "MY", "account": "S-1-5-20"}
            | {"key_file_path": KEY, "opens": "unusable", "opens_broken_at": "public_key"}
        ],
        "key_file": [{"path": KEY, "file_name": "k", "kind": "capi", "scope": "machine", "public_key_sha256": "q"}],
    }
    for number in range(count):
        for table, row in _rows(number, kind):
            made.setdefault(table, []).append(row)
    whole = tables(made)
    for table in ("certificate", "key_chain"):
        for number, found in enumerate(whole.get(table, ())):
            found.source_path = f"SOFTWARE/MY/Certificates/{number}"
    return whole


def _rows(number: int, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    alike = kind.startswith("identical") or kind == "in three stores"
    identity = {
        "thumbprint": "A" if alike else f"{number:040X}",
        "subject": "CN=a",
        "store": ("MY", "WebHosting", "Remote Desktop")[number % 3] if kind == "in three stores" else "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "not_before": "2025-01-01",
        "not_after": str((AS_OF + timedelta(days=20, seconds=0 if alike else number)).date()),
        "container": "c",
    }
    certificate = {
        "warn_from": "2026-09-01",
        "alarm_from": "2026-10-01",
        "has_key_link": True,
        "public_key_sha256": "p",
        "key_algorithm": "RSA",
        "key_bits": 1024,
    }
    broken: dict[str, Any] = {
        "key_file": "present",
        "public_key": "mismatch",
        "access": "denied",
        "verdict": "unusable",
    }
    broken |= {"provider": "P", "provider_kind": "capi", "key_file_path": KEY, "broken_at": "public_key"}
    if kind == "identical beside requests" and number % 2:
        identity["store"] = "Request"
        broken |= {"key_file": "absent", "broken_at": "key_file"}
    elif kind in ("identical without key link", "identical beside requests"):
        certificate["has_key_link"] = False
        broken |= {"provider": None, "provider_kind": None, "broken_at": "claim", "public_key": "match"}
    if kind == "without certificate":
        yield "key_chain", {**broken, "key_file_path": f"{KEY}{number}", "container": "c"}
        yield "key_file", {"path": f"{KEY}{number}", "file_name": f"k{number}", "scope": "machine", "kind": "capi"}
    else:
        yield "certificate", {**identity, **certificate, "template": "T", "issuer": "CN=ca"}
        yield (
            "key_chain",
            {
                **identity,
                **broken,
                "recoverable": True,
                "recoverable_from": f"{KEY} of before",
                "unlocked_by": "current",
            },
        )
    yield "event", {"event_id": 5061, "key_name": f"c{number}", "error_code": "0x0", "level": 4, "channel": "Security"}
    yield "problem", {"kind": "truncated", "message": "cut off"}


def test_ten_thousand_identical_certificates(packs: Packs) -> None:
    count = 10_000
    result = run(packs, store(count, "identical"), AS_OF, seconds=300)
    assert result.problems == []
    found = {f.rule: f for f in result.findings}
    assert len(found) == len(result.findings)
    for rule in ("key-recreated", "key-access-denied", "key-recoverable"):
        assert found[rule].subjects == (Subject("A", "CN=a"),)
        assert Counter(e.table for e in found[rule].evidence)["key_chain"] == count
    for rule in ("certificate-expiring", "weak-signature-or-key"):
        assert found[rule].subjects == (Subject("A", "CN=a"),)
        assert [e.row for e in found[rule].evidence if e.table == "certificate"] == list(range(count))
    dead = found["service-uses-dead-key"]
    assert dead.subjects == (Subject("A", "IIS"),)
    assert dead.id in found["key-recreated"].consequences
    # One store, one owner: as many copies as they may be, it lies in no two stores.
    assert "certificate-in-two-stores" not in found


@pytest.mark.parametrize("kind", CASES)
def test_no_rule_looks_at_every_row_for_every_row(kind: str, packs: Packs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts what SQLite's virtual machine does, which no busy machine can change."""
    steps: Counter[Fence] = Counter()

    def count(fence: Fence) -> bool:
        steps[fence] += 1
        return False

    monkeypatch.setattr("forensics.engine.fence._STEPS", 1000)
    monkeypatch.setattr("forensics.engine.fence.Fence._is_over", count)
    few, many = 600, 2400
    slow = {}
    with RuleDatabase(store(few, kind), AS_OF) as small, RuleDatabase(store(many, kind), AS_OF) as large:
        for rule in packs.rules:
            steps.clear()
            for database in (small, large):
                assert run_on(database, Packs((rule,)), AS_OF, seconds=300).problems == []
            # Four times the rows; sixteen times the steps were it quadratic. Below 200,000 steps nobody waits.
            if steps[large.fence] > max(200, 7 * steps[small.fence]):
                slow[str(rule.id)] = steps[large.fence] / steps[small.fence]
    assert slow == {}


def _endless(rule_id: str) -> dict[str, Any]:
    many = ", ".join(f"key_chain AS k{n}" for n in range(6))
    return {"id": rule_id, "when": {"slow": f"(SELECT count(*) FROM {many} WHERE k0.machine_id = this.machine_id) > 1"}}


def test_slow_rules_take_no_turn_from_others_and_are_named(tmp_path: Path) -> None:
    written = write_rules(tmp_path, _endless("a-slow"), _endless("b-slow"), {"id": "quick"})
    chains = tables({"key_chain": [{"thumbprint": "AA", "access": "denied"}] * 300})
    result = run(load_packs([written], built_in=False), chains, AS_OF, seconds=0.3)
    assert [f.rule for f in result.findings] == ["quick"]
    assert [p.kind for p in result.problems] == ["rule_stopped", "rule_stopped"]
    assert [p.message for p in result.problems] == [
        "the rule a-slow could not be asked: stopped after 0.3 seconds",
        "the rule b-slow could not be asked: stopped after 0.3 seconds",
    ]


def test_the_time_of_a_rule_grows_with_the_evidence_and_is_told_to_end() -> None:
    assert [seconds_per_rule(rows) for rows in (0, 50_000, 1_500_000)] == [5.0, 6.0, 35.0]
    ticks = iter([100.0, 100.0, 103.0, 105.0])
    time = TimeOfRule(5, clock=lambda: next(ticks))
    assert [time.left, time.left] == [5.0, 2.0]
    with pytest.raises(RuleStoppedError, match=r"^stopped after 5 seconds$"):
        _ = time.left


def test_all_statements_of_a_rule_share_its_time(tmp_path: Path) -> None:
    """What conditions found is asked in many statements, none of which may be slow."""
    told = {"name": "told", "from": "event", "where": "event.machine_id = this.machine_id", "covered": "always"}
    packs = load_packs([write_rules(tmp_path, {"when": {"some-of": told}})], built_in=False)
    whole = tables({"key_chain": [{"thumbprint": "AA"}] * 600, "event": [{"event_id": 1}]})
    ticks = counting(step=2.0)
    with RuleDatabase(whole, AS_OF) as database:
        query = Query(packs.rules[0])
        rowids = [[number] for number in range(1, 601)]
        assert FoundRows(query, database, TimeOfRule(7, clock=lambda: next(ticks))).of(rowids)
        with pytest.raises(RuleStoppedError, match=r"^stopped after 5 seconds$"):
            FoundRows(query, database, TimeOfRule(5, clock=lambda: next(ticks))).of(rowids)


def test_what_a_condition_found_is_listed_in_bounds(tmp_path: Path) -> None:
    told = {"name": "told", "from": "event", "where": "event.machine_id = this.machine_id", "covered": "always"}
    packs = load_packs([write_rules(tmp_path, {"when": {"some-of": told}})], built_in=False)
    whole = tables({"key_chain": [{"thumbprint": "AA"}] * 5000, "event": [{"event_id": 1}] * 5000})
    [finding] = run(packs, whole, AS_OF).findings
    listed = [(e.table, e.row) for e in finding.evidence]
    assert listed == [*(("key_chain", n) for n in range(5000)), *(("event", n) for n in range(20))]


def test_texts_of_ten_thousand_rows_stay_short() -> None:
    rows = [{"name": f"n{n}", "day": f"2026-01-{n % 28 + 1:02}T00:00:00Z", "same": None} for n in range(10_000)]
    common = {"count": 10_000, "subjects": [f"n{n}" for n in range(10_000)], "as_of": "2026-11-22T00:00:00Z"}
    blocks = fill("{{ subjects }}: {{ day | date }} {{ same }}\n- {{ each.name }}\n- {{ each.same }}", rows, common)
    lines = as_text(blocks).split("\n")
    assert lines[0] == (
        "n0, n1, n2, n3, n4 and 9995 more: 2026-01-01, 2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05 and 23 more "
        "(not known)"
    )
    assert lines[1:] == [*(f"- n{n}" for n in range(MOST_LINES)), "(and 9980 more)", "- (not known)"]


def test_ten_thousand_findings_are_hung_and_told_in_bounds(tmp_path: Path) -> None:
    count = 10_000
    grouped = {"group": ["this.thumbprint"], "id": "cause", "explains": ["effect"]}
    packs = load_packs([write_rules(tmp_path, grouped, {**grouped, "id": "effect", "explains": []})], built_in=False)
    chains = tables({"key_chain": [{"thumbprint": f"{n:040X}", "access": "denied"} for n in range(count)]})
    case = CaseTables([row for rows in chains.values() for row in rows], [], AS_OF)
    case.finding_list = run(packs, by_table(case.rows("key_chain")), AS_OF, seconds=300).findings
    assert len(case.finding_list) == 2 * count
    assert [f.consequences for f in case.finding_list[:count]] == [(f"effect:{n}",) for n in range(1, count + 1)]
    text = render_text(case)
    assert f"  - and {count - 100} more findings of cause: see --format json\n" in text
    assert len(text.split("\n")) < 3000


def test_a_finding_with_thousands_of_consequences_names_the_first(tmp_path: Path) -> None:
    count = 10_000
    one = {"id": "cause", "explains": ["effect"], "because": "All of it."}
    many = {"id": "effect", "group": ["this.thumbprint"]}
    packs = load_packs([write_rules(tmp_path, one, many)], built_in=False)
    chains = tables({"key_chain": [{"thumbprint": f"{n:040X}", "access": "denied"} for n in range(count)]})
    case = CaseTables([row for rows in chains.values() for row in rows], [], AS_OF)
    case.finding_list = run(packs, chains, AS_OF, seconds=300).findings
    [cause] = [f for f in case.finding_list if f.rule == "cause"]
    assert len(cause.consequences) == len(cause.subjects) == count
    text = render_text(case)
    assert f"and {count - 20} more findings of effect: see --format json" in text
    assert len(text.split("\n")) < 1000


def test_consequences_are_of_one_machine_and_share_a_key() -> None:
    def finding(name: str, machine: int, *subjects: str, table: str = "key_chain") -> Finding:
        found = tuple(Subject(s, s) for s in subjects)
        return Finding(name, name[0], "high", "", "match", machine, table, found, (), (), "proved")

    findings = [
        finding("a:1", 1, "X", "Y"),
        finding("b:1", 1, "Z"),
        finding("b:2", 2, "X"),
        finding("b:3", 1, "Y", "X"),
        finding("b:4", 1, "Y"),
        finding("c:1", 1, "service", table="service"),
        finding("c:2", 2, "service", table="service"),
    ]
    rules = load_packs().rules[:3]
    named = tuple(
        r.__class__(**{**vars(r), "id": i, "explains": e}) for r, i, e in zip(rules, "abc", ("cb", "", ""), strict=True)
    )
    hung = hang_consequences(findings, Packs(named))
    assert hung[0].consequences == ("c:1", "b:3", "b:4")
    assert hung[1:] == findings[1:]
