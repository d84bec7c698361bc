"""Each part of a rule, and everything that is wrong with one, knows the line on which it stands.

The rules here are written over many lines, so that no part stands on the line of what it belongs to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.engine.loader import load_packs
from forensics.engine.rule import Covered, Leaf, Level, Presence, Rule, RulePackError, Sql, named_conditions

WHOLE = """\
# A remark.
format: 1
id: all-parts
title:
  In many lines
for: key_chain
with:
  certificate:
    certificate.thumbprint = this.thumbprint
  machine: >-
    machine.machine_id
    = this.machine_id
severity:
- when: this.store = 'MY'
  severity: critical
- medium
confidence:
- when:
    this.store = 'MY'
  confidence:
    likely
-
  possible
when:
  all:
  - access:
      denied
  - verdict: [usable,
      unknown]
  - by name:
      this.store = 'MY'
corroboration:
- also: this.store IS NULL
-
  none-of:
    name: no event
    from: event
    where:
      event.machine_id = this.machine_id
    covered:
    - {area: log, name: System.evtx}
    -
      area: [log, hive]
group:
- this.store
-
  this.subject
values:
  one: >
    this.store
  two:
    value.one || 'x'
subject:
  id:
    this.container
  label: >-
    this.subject
because: |
  First {{ one }}.
  Second {{ two }}.
remedy:
  Do {{ count }} things.
explains: [x,
  y]
covers:
- broken
- orphan
references:
  https://example.test
report-unknown: "true"
in-parts: "true"
across: machines
"""


def first_line(value: object) -> str:
    return str(value).partition("\n")[0][:30]


def read(text: str, folder: Path) -> Rule:
    path = folder / "rule.yaml"
    path.write_text(text, encoding="utf-8")
    [rule] = load_packs([path], built_in=False).rules
    return rule


def problems(text: str, folder: Path) -> list[tuple[int, str]]:
    path = folder / "rule.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulePackError) as refused:
        load_packs([path], built_in=False)
    assert {problem.path for problem in refused.value.problems} == {path}
    return [(problem.line, problem.message) for problem in refused.value.problems]


def test_every_part_with_its_line(tmp_path: Path) -> None:
    rule = read(WHOLE, tmp_path)
    assert (rule.id, rule.id.line, rule.title, rule.table, rule.pack) == (
        "all-parts",
        3,
        "In many lines",
        "key_chain",
        tmp_path.name,
    )
    assert rule.joins == {
        "certificate": Sql("certificate.thumbprint = this.thumbprint", 9),
        "machine": Sql("machine.machine_id = this.machine_id", 11),
    }
    assert rule.severity == (Level("this.store = 'MY'", "critical", 14), Level(None, "medium", 16))
    assert rule.confidence == (Level("this.store = 'MY'", "likely", 18), Level(None, "possible", 23))
    assert rule.group == (Sql("this.store", 45), Sql("this.subject", 47))
    assert rule.values == {"one": Sql("this.store\n", 50), "two": Sql("value.one || 'x'", 52)}
    assert (rule.subject_id, rule.subject_label) == (Sql("this.container", 55), Sql("this.subject", 57))
    assert (str(rule.because), rule.because.line) == ("First {{ one }}.\nSecond {{ two }}.\n", 59)
    assert (str(rule.remedy), rule.remedy.line) == ("Do {{ count }} things.", 62)
    assert [(str(text), text.line) for text in rule.explains] == [("x", 63), ("y", 64)]
    assert (rule.in_parts, rule.spans_machines) == (True, True)
    assert (rule.covers, rule.references, rule.report_unknown) == (
        ("broken", "orphan"),
        ("https://example.test",),
        True,
    )
    assert (rule.line("format"), rule.line("because"), rule.line("references"), rule.line("ja")) == (2, 58, 68, 1)
    assert not rule.built_in


def test_every_condition_with_its_line(tmp_path: Path) -> None:
    rule = read(WHOLE, tmp_path)
    leaves = [leaf for leaf in named_conditions(rule.when) if isinstance(leaf, Leaf)]
    assert [(leaf.line, leaf.shorthand) for leaf in leaves] == [(26, True), (28, True), (31, False)]
    assert leaves[2] == Leaf("by name", "this.store = 'MY'", 31)
    covered = (Covered({"area": ["log"], "name": ["System.evtx"]}, 41), Covered({"area": ["log", "hive"]}, 43))
    assert rule.corroboration == (
        Leaf("also", "this.store IS NULL", 33),
        Presence("no event", "event", "event.machine_id = this.machine_id", covered, False, 35, 39),
    )


def test_what_is_left_out(tmp_path: Path) -> None:
    text = "format: 1\nid: x\ntitle: t\nfor: key_chain\nseverity: low\nconfidence: proved\nwhen: {access: denied}\n"
    rule = read(text + "because: b\n", tmp_path)
    assert (rule.joins, rule.values, rule.group, rule.corroboration) == ({}, {}, (), ())
    assert (str(rule.remedy), rule.explains, rule.covers, rule.references) == ("", (), (), ())
    assert (rule.severity, rule.confidence) == ((Level(None, "low", 5),), (Level(None, "proved", 6),))
    # The subject of a table is written nowhere: its line is that of the table's name.
    assert (rule.subject_id.line, rule.subject_label.line) == (4, 4)
    assert (rule.report_unknown, rule.in_parts, rule.spans_machines) == (False, False, False)
    assert (rule.examples, rule.language, rule.spoken) == ((), "en", None)


HEAD = """\
format: 1
id: x
title: t
for: key_chain
severity: low
confidence: proved
when:
  access: denied
because: b
"""
"""Nine lines: what is put behind them begins on the tenth."""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("what:\n  nothing\n", [(10, "a rule has no 'what'; its keys are format, id, ")]),
        ("with:\n  text\n", [(11, "'with' is a mapping of names to SQL")]),
        ("with:\n  machine:\n  - '1'\n", [(11, "'machine' is SQL, written as text")]),
        ("with:\n  machines:\n    '1'\n", [(11, "there is no table 'machines'; there are machine, ")]),
        ("values:\n  Big:\n    '1'\n", [(11, "a value cannot be called 'Big'")]),
        ("values:\n  count:\n    '1'\n", [(11, "a value cannot be called 'count'")]),
        ("values:\n  store:\n    '1'\n", [(11, "'store' is a column of key_chain; give the value a name of its own")]),
        ("values:\n  x:\n    value.y\n", [(12, "no value 'y'; ")]),
        # What uses a broken value is not blamed too.
        ("values:\n  x:\n    value.y\n  z: value.x\n", [(12, "no value 'y'; ")]),
        ("corroboration:\n  a: '1'\n", [(11, "'corroboration' is a list of named conditions")]),
        ("corroboration:\n- b: '1'\n-\n  - a\n", [(13, "only named conditions, none-of, some-of and seen are ")]),
        ("subject:\n  text\n", [(11, "'subject' is a mapping of id and label to SQL")]),
        ("subject:\n  id: this.store\n  name:\n    x\n", [(12, "'subject' is a mapping of id and label to SQL")]),
        ("subject:\n  label:\n  - x\n", [(11, "'subject' is a mapping of id and label to SQL")]),
        ("group:\n  a: b\n", [(11, "'group' is a list of texts")]),
        ("group:\n- this.store\n- [a]\n", [(11, "'group' is a list of texts")]),
        ("group:\n- this.store\n- this.lost\n", [(12, "there is no column 'this.lost'")]),
        ("covers:\n- broken\n- all\n", [(12, "the report has no section 'all'; it has broken, too_open, ")]),
        ("report-unknown:\n  perhaps\n", [(11, "'report-unknown' is true or false")]),
        ("report-unknown:\n- 'true'\n", [(11, "'report-unknown' is text")]),
        ("remedy:\n  ' '\n", [(11, "'remedy' is empty")]),
        ("remedy:\n- a\n", [(11, "'remedy' is text")]),
        ("remedy: |\n  a\n  b {{ lost }}\n", [(12, "'lost' is no column of the row and no value of the rule")]),
        ("with: {machine: '1'}\nremedy: '{{ machine.lost }}'\n", [(11, "'machine.lost' is no column of the row")]),
        ("remedy: '{{ machine.machine_id }}'\n", [(10, "'machine.machine_id' is no column of the row")]),
    ],
    ids=first_line,
)
def test_what_is_wrong_is_told_where_it_stands(more: str, told: list[tuple[int, str]], tmp_path: Path) -> None:
    found = problems(HEAD + more, tmp_path)
    assert [line for line, _ in found] == [line for line, _ in told]
    for (_, message), (_, begins) in zip(found, told, strict=True):
        assert message.startswith(begins)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("format: 1\n", "format:\n  2\n", 2, "format 2 is not known to this version, which reads format 1"),
        ("format: 1\n", "format:\n- 1\n", 2, "a rule without 'format' is not known to this version"),
        ("id: x\n", "id:\n  X\n", 3, "the id 'X' is not made of lower-case words with '-' between them"),
        ("id: x\n", "id:\n  x-\n", 3, "the id 'x-' is not made of lower-case words with '-' between them"),
        ("for: key_chain\n", "for:\n  lost\n", 5, "there is no table 'lost'; there are machine, "),
        ("severity: low\n", "severity:\n  bad\n", 6, "'severity' is one of critical, high, medium, low, info"),
        ("severity: low\n", "severity:\n- low\n- high\n", 6, "a list of 'severity' ends with the one that applies"),
        ("severity: low\n", "severity:\n-\n  when: 'x'\n- low\n", 7, "write {when: SQL, severity: critical}"),
        ("confidence: proved\n", "confidence:\n  sure\n", 7, "'confidence' is one of proved, likely, possible"),
        ("  access: denied\n", "  access:\n    maybe\n", 9, "'access' is never 'maybe'; it is one of ok, denied"),
        ("  access: denied\n", "  name:\n  - a\n", 8, "'name' is no column of key_chain; the SQL of a named "),
        ("because: b\n", "because:\n  '{{ lost }}'\n", 10, "'lost' is no column of the row and no value of the rule"),
    ],
    ids=first_line,
)
def test_what_is_wrong_in_a_required_part_is_told_where_it_stands(
    old: str, new: str, line: int, message: str, tmp_path: Path
) -> None:
    [(where, said)] = problems(HEAD.replace(old, new), tmp_path)
    assert (where, said[: len(message)]) == (line, message)


@pytest.mark.parametrize("key", ["id", "title", "for", "severity", "confidence", "when", "because"])
def test_what_a_rule_must_have(key: str, tmp_path: Path) -> None:
    lines = HEAD.replace("when:\n  access", "when: {access").replace("denied\n", "denied}\n").splitlines(keepends=True)
    without = "".join(line for line in lines if not line.startswith(f"{key}:"))
    assert (1, f"the rule lacks '{key}'") in problems(without, tmp_path)
