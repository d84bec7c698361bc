"""When keys went, as the change journal of a forged volume tells it, and what is said where nothing tells."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.collectors.shadow_copies import known_copies
from forensics.disk.tree import Tree
from forensics.history.loss import loss
from forensics.history.places import is_of_keys
from forensics.sources.open import open_source
from forensics.tables.history import Happened, KeyHistoryRow
from testdata.builder.change_journal import deletion, journal
from tests.examined import AS_OF, examined
from tests.oracles import needs_shared
from tests.paths import REALDATA

REAL = REALDATA / "shadow-copies" / "vsstest.qcow2"
KEYS, CNG = "ProgramData/Microsoft/Crypto/RSA/MachineKeys", "ProgramData/Microsoft/Crypto/Keys"
PROTECT = "Windows/System32/Microsoft/Protect/S-1-5-18"


def told(case: forensics.Case) -> list[tuple[object, ...]]:
    return [
        (row.at.isoformat(), row.what, row.happened, row.folder, row.other_name, row.together)
        for row in case.rows("key_history")
        if row.at is not None
    ]


def test_each_file_that_is_missed_has_its_past() -> None:
    assert told(examined("cleaned-up")) == [
        ("2026-11-03T03:00:00+00:00", "key_file", "created", KEYS, None, 0),
        ("2026-11-07T09:14:22+00:00", "key_file", "deleted", KEYS, None, 212),
        ("2026-11-09T10:00:01+00:00", "key_file", "renamed", CNG, "api.old", 0),
        ("2026-11-09T10:01:01+00:00", "key_file", "deleted", CNG, None, 0),
        ("2026-11-10T03:00:00+00:00", "master_key", "deleted", PROTECT, None, 0),
        # What their records, which nobody has used again, say besides.
        ("2024-03-04T09:15:00+00:00", "key_file", "existed", KEYS, None, 0),
        ("2024-03-04T08:00:00+00:00", "master_key", "existed", PROTECT, None, 0),
    ]


def test_a_chain_says_when_it_lost_its_file() -> None:
    lost = {
        row.subject: (row.lost_at, row.lost_by, row.lost_together) for row in examined("cleaned-up").rows("key_chain")
    }
    assert lost == {
        "CN=sound.contoso.test": (None, None, None),
        "CN=web.contoso.test": (datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC), "deleted", 212),
        "CN=api.contoso.test": (datetime(2026, 11, 9, 10, 0, 1, tzinfo=UTC), "renamed", 0),
        "CN=early.contoso.test": (None, None, None),
        "CN=locked.contoso.test": (datetime(2026, 11, 10, 3, 0, tzinfo=UTC), "deleted", 0),
    }


def test_how_far_back_the_journal_reaches_is_told() -> None:
    (row,) = (r for r in examined("cleaned-up").rows("coverage") if r.name == "change journal")
    assert (row.outcome, row.detail) == ("present", "reaches back to 2026-11-03 02:00:00 UTC")
    (row,) = (r for r in examined("broken-files").rows("coverage") if r.name == "change journal")
    assert row.outcome == "absent"
    assert not [r for r in examined("healthy").rows("coverage") if r.name == "change journal"]


def test_the_clean_up_is_the_cause_and_the_missing_file_its_consequence() -> None:
    findings = {f.rule: f for f in examined("cleaned-up").finding_list}
    cause, missing = findings["key-folder-cleaned-up"], findings["key-file-missing"]
    assert [s.label for s in cause.subjects] == ["CN=web.contoso.test"]
    assert missing.rule in {f.rule for f in examined("cleaned-up").finding_list if f.id in cause.consequences}
    said = " ".join(block.text for block in missing.because)
    went = "deleted at 2026-11-07 09:14:22 UTC (change journal)"
    assert f"{went}, together with 212 other files of MachineKeys within 3 seconds" in said


def test_explain_and_the_time_line_tell_it() -> None:
    text = forensics.explain(examined("cleaned-up"), "api.contoso").render()
    assert (
        "  what became of its files\n"
        "  - in short: 7c6603facc389e7b19d73084f042ad36_64023be8-9c1a-4eee-b6ec-0f951b6c7610 was renamed at "
        "2026-11-09 10:00:01 UTC (change journal)\n"
        "  - 2026-11-09 10:00:01 UTC: key file 7c6603facc389e7b19d73084f042ad36_64023be8-9c1a-4eee-b6ec-0f951b6c7610 "
        "was renamed to api.old (change journal)\n"
        "  - 2026-11-09 10:01:01 UTC: key file api.old was deleted (change journal)\n"
        "  - the change journal reaches back to 2026-11-03 02:00:00 UTC: what happened before that it does not tell\n"
    ) in text
    page = forensics.render(examined("cleaned-up"), "html").replace("<wbr>", "")
    assert "was deleted, together with 212 other files of MachineKeys within 3 seconds (change journal)" in page


def test_a_collected_journal_is_read_too(tmp_path: Path) -> None:
    from tests.ntfs_surgery import raw_disk

    whole = raw_disk("broken-files", tmp_path / "disk.raw")
    folder = tmp_path / "C"
    with open_source(whole) as source:
        tree = source.installations[0].tree
        _copy(tree, "", folder, ("Windows/System32/config", "Windows/System32/Microsoft", "ProgramData/Microsoft"))
    missing = next(r for r in examined("broken-files").rows("key_chain") if r.subject == "CN=absent-cng.contoso.test")
    name = _file_name(missing.container or "", missing.machine_id)
    (folder / "$Extend").mkdir()
    when = datetime(2026, 11, 1, tzinfo=UTC)
    (folder / "$Extend" / "$J").write_bytes(journal(deletion(when, f"k/{name}", 900), {"k": 42}, 1 << 20))
    case = forensics.examine(folder, as_of=AS_OF)
    assert told(case) == [("2026-11-01T00:00:00+00:00", "key_file", "deleted", None, None, 0)]


def _file_name(container: str, machine_id: int) -> str:
    from forensics.formats.key_file_name import cng_name_hashes

    (machine,) = examined("broken-files").rows("machine")
    return f"{min(cng_name_hashes(container))}_{machine.machine_guid}"


def _copy(tree: Tree, path: str, to: Path, wanted: tuple[str, ...]) -> None:
    for entry in tree.entries(path):
        inside = any(entry.path.startswith(w) or w.startswith(entry.path) for w in wanted)
        if entry.is_dir and inside:
            _copy(tree, entry.path, to, wanted)
        elif not entry.is_dir and any(entry.path.startswith(w) for w in wanted):
            target = to / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with tree.open(entry) as stream, target.open("wb") as file:
                shutil.copyfileobj(stream, file)


@needs_shared(REAL)
def test_shadow_copies_that_windows_made_are_counted() -> None:
    with open_source(REAL) as source:
        assert len(known_copies(source.searched[0].tree).copies) == 2


KEY = "4209c24da88321c2d1aa5b3e46e0c245_64023be8-9c1a-4eee-b6ec-0f951b6c7610"


def row(happened: Happened, name: str = KEY, folder: str | None = KEYS, other: str | None = None) -> KeyHistoryRow:
    return KeyHistoryRow(
        machine_id=1,
        source_path="j",
        file_name=name,
        what="key_file",
        folder=folder,
        happened=happened,
        other_name=other,
    )


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        ([row("deleted"), row("created"), row("renamed", other="x"), row("deleted", "x")], 2),
        # Named back, then deleted: the deletion took it.
        ([row("renamed", other="x"), row("renamed", "x", other=KEY), row("deleted")], 2),
        # A copy beside it under a name of somebody's own went, not the key file.
        ([row("deleted", f"{KEY}.bak")], None),
        ([row("deleted", f"{KEY}.bak"), row("deleted")], 1),
    ],
)
def test_what_took_a_file_is_the_first_loss_since_it_came_last(rows: list[KeyHistoryRow], lost: int | None) -> None:
    assert loss(rows) is (None if lost is None else rows[lost])


@pytest.mark.parametrize(
    ("folder", "knows", "is_it"),
    [
        (KEYS, True, True),
        ("Users/anna/AppData/Roaming/Microsoft/Crypto/Keys", True, True),
        ("Backup/MachineKeys", True, False),
        ("Windows.old/ProgramData/Microsoft/Crypto/RSA/MachineKeys", True, False),
        (None, True, False),  # a folder that is gone, as that of Windows.old is
        (None, False, True),  # a journal without its volume names no folder at all
    ],
)
def test_a_file_of_the_same_name_elsewhere_is_not_the_key(folder: str | None, knows: bool, is_it: bool) -> None:
    assert is_of_keys("key_file", folder, knows) is is_it
