"""Only the built-in rules about tables that hold anything are read; packs from elsewhere are always read whole."""

from __future__ import annotations

from pathlib import Path

from forensics.engine.loader import load_packs


def test_rules_about_other_tables_are_left_unread() -> None:
    every = load_packs().rules
    for table in ("key_chain", "certificate", "vm_guardian"):
        wanted = [rule.id for rule in every if rule.table == table]
        assert wanted
        assert [rule.id for rule in load_packs(tables={table}).rules] == wanted
    assert len(every) > 80


def test_no_table_no_built_in_rule(tmp_path: Path) -> None:
    rule = "format: 1\nid: mine\ntitle: T\nfor: event\nseverity: low\nconfidence: proved\n"
    rule += "when:\n  - always: this.event_id = 1\nbecause: B\nremedy: R\nreferences: [x]\n"
    (tmp_path / "mine.yaml").write_text(rule.replace("  - always", "  always"))
    assert [r.id for r in load_packs([tmp_path], tables=()).rules] == ["mine"]
