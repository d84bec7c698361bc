"""Joined cases say what one examination of all their sources says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.report.json import document
from forensics.tables.certificate import CertificateRow
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from testdata.builder import ntfs
from testdata.builder.disk import build_disk
from testdata.builder.scenarios.hyperv_host import FIRST
from tests.examined import AS_OF, examined
from tests.exports import machine as virtual_machine
from tests.exports import write_export
from tests.hand_made import ALIVE, DEAD, chain, machine
from tests.hand_made import case as hand_made
from tests.paths import IMAGES

SETS = [
    ("clone-one", "clone-two", "sample"),
    ("hyperv-target", "hyperv-source", "before-sysprep"),
    ("before-sysprep", "sysprepped", "two-windows"),
]


def _saved(case: forensics.Case, path: Path) -> forensics.Case:
    case.save(path)
    return forensics.open_case(path)


@pytest.mark.parametrize("names", SETS)
def test_joining_three_cases_is_examining_three_disks(names: tuple[str, ...], tmp_path: Path) -> None:
    whole = document(examined(*names))
    files = [_saved(examined(name), tmp_path / f"{name}.sqlite") for name in names]
    joined = forensics.join_cases(files)
    assert document(joined) == whole
    assert document(_saved(joined, tmp_path / "joined.sqlite")) == whole
    for name in names:
        forensics.append_to_case_file(examined(name), tmp_path / "appended.sqlite")
    assert document(forensics.open_case(tmp_path / "appended.sqlite")) == whole
    # Joining what was joined changes nothing either.
    pair = forensics.join_cases(files[:2])
    assert document(forensics.join_cases([pair, files[2]])) == whole
    assert document(forensics.join_cases([joined])) == whole


def test_cases_stay_as_they_are() -> None:
    before = document(examined("clone-one"))
    forensics.join_cases([examined("clone-one"), examined("clone-two")], as_of=datetime(2030, 1, 1, tzinfo=UTC))
    assert document(examined("clone-one")) == before
    with pytest.raises(ValueError, match="at least one case"):
        forensics.join_cases([])


def _member(name: str, other_agent: str | None = None) -> forensics.Case:
    """Return a member of a domain with the agent of that, and another one."""
    rows: list[Row] = [machine(computer_name=name, source=f"{name}.vhdx")]
    for thumbprint in filter(None, (DEAD, other_agent)):
        rows.append(
            CertificateRow(
                machine_id=1, source_path=f"SOFTWARE\\{name}", thumbprint=thumbprint, store="EFS", store_scope="policy"
            )
        )
    return forensics.Case(rows, [SourceEntry(f"{name}.vhdx", "disk", [1])], AS_OF)


def test_an_agent_of_a_domain_is_one_whichever_case_its_members_are_in() -> None:
    joined = forensics.join_cases([_member("FS01"), _member("FS02", ALIVE), _member("FS03")])
    agents = [(row.machine_id, row.domain, row.thumbprint, row.members) for row in joined.rows("efs_agent")]
    assert agents == [
        (0, "contoso.test", DEAD, ["FS01", "FS02", "FS03"]),
        (0, "contoso.test", ALIVE, ["FS02"]),
    ]
    again = forensics.join_cases([joined, _member("FS04")])
    assert again.rows("efs_agent")[0].members == ["FS01", "FS02", "FS03", "FS04"]


def test_a_machine_of_an_export_is_the_hosts_that_lists_it(tmp_path: Path) -> None:
    host = examined("hyperv-source")
    listed = next(row for row in host.rows("vm") if row.outcome != "present")
    export = write_export(tmp_path, virtual_machine(FIRST, listed.vm_id, "MOVED"))
    alone = forensics.examine(export, as_of=AS_OF)
    [of_export] = alone.rows("vm")
    assert (of_export.machine_id, of_export.starts_here) == (0, "unknown")
    whole = forensics.examine(IMAGES / "hyperv-source.vhdx.xz", export, as_of=AS_OF)
    for order in ([host, alone], [_saved(host, tmp_path / "h.sqlite"), _saved(alone, tmp_path / "e.sqlite")]):
        joined = forensics.join_cases(order)
        assert document(joined) == document(whole)
    [moved] = [row for row in joined.rows("vm") if row.name == "MOVED"]
    assert (moved.machine_id, moved.registered, moved.starts_here, moved.listed_at) == (
        1,
        True,
        "yes",
        listed.listed_at,
    )
    assert all(row.source_path != listed.source_path for row in joined.rows("vm") if row.vm_id == listed.vm_id)


@pytest.mark.skipif(ntfs.unavailable() is not None, reason=f"needs mkntfs: {ntfs.unavailable()}")
def test_a_data_disk_counts_as_examined_where_another_case_has_a_windows(tmp_path: Path) -> None:
    ntfs.build_ntfs([], tmp_path / "d.ntfs", 4 << 20, label="Data")
    build_disk([tmp_path / "d.ntfs"], tmp_path / "d.raw")
    data = forensics.examine(tmp_path / "d.raw", as_of=AS_OF)
    assert data.sources[0].error is not None
    whole = forensics.examine(tmp_path / "d.raw", IMAGES / "clone-one.vhdx.xz", as_of=AS_OF)
    assert document(forensics.join_cases([data, examined("clone-one")])) == document(whole)
    assert whole.sources[0].error is None
    assert [e.error is None for e in forensics.join_cases([data, data]).sources] == [False, False]


def test_a_copy_counts_once(tmp_path: Path) -> None:
    copy = tmp_path / "copy.vhdx.xz"
    copy.write_bytes((IMAGES / "clone-one.vhdx.xz").read_bytes())
    whole = forensics.examine(IMAGES / "clone-one.vhdx.xz", copy, as_of=AS_OF)
    joined = forensics.join_cases([examined("clone-one"), forensics.examine(copy, as_of=AS_OF)])
    assert document(joined)["sources"] == document(whole)["sources"]
    assert document(joined)["findings"] == document(whole)["findings"]
    assert [row.machine_id for row in joined.rows("machine")] == [1]


def test_the_date_is_the_latest_or_the_one_that_is_given() -> None:
    early, late = examined("expiring"), forensics.join_cases([examined("clone-one")], as_of=datetime(2027, 8, 1))
    for joined, moment in (
        (forensics.join_cases([early, late]), datetime(2027, 8, 1, tzinfo=UTC)),
        (forensics.join_cases([early, late], as_of=AS_OF), AS_OF),
    ):
        assert joined.as_of == moment
        again = forensics.examine(IMAGES / "expiring.vhdx.xz", IMAGES / "clone-one.vhdx.xz", as_of=moment)
        assert document(joined)["tables"] == document(again)["tables"]
        assert document(joined)["findings"] == document(again)["findings"]
    joined = forensics.join_cases([early, late])
    assert [entry.examined_for for entry in joined.sources] == ["2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"]
    disks = f"{IMAGES / 'expiring.vhdx.xz'}, {IMAGES / 'clone-one.vhdx.xz'}"
    told = f"{disks}: examined for 2026-11-22; what hangs on the date is reckoned for 2027-08-01."
    assert joined.examined_otherwise == [told]


def test_what_another_version_examined_stands_and_is_told() -> None:
    older = hand_made()
    older.tool_version = "0.0.9"
    own = examined("clone-one")
    joined = forensics.join_cases([older, own])
    assert [entry.examined_with for entry in joined.sources] == ["0.0.9", None]
    assert joined.tool_version == forensics.__version__
    told = "disk.vhdx: examined by keymortem 0.0.9; what that read and judged stands as it was."
    assert told in joined.examined_otherwise
    assert told in forensics.join_cases([own, joined]).examined_otherwise


def test_what_speaks_of_one_command_or_of_its_rules_is_not_taken_over() -> None:
    kinds = ("unknown_user", "unused_option", "rule_stopped", "truncated")
    rows = [ProblemRow(machine_id=0, source_path="x", kind=kind, message="m") for kind in kinds]
    joined = forensics.join_cases([forensics.Case([machine(), chain(), *rows], as_of=AS_OF)])
    assert [row.kind for row in joined.rows("problem")] == ["truncated"]


def test_a_step_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("forensics.chain.identities.shared_identities", fail)
    joined = forensics.join_cases([hand_made()])
    assert [row.message for row in joined.rows("problem") if row.kind == "internal_error"] == [
        "keymortem failed while comparing identities (KeyError); please report it, --debug shows details"
    ]


def test_rules_of_the_user_are_asked_of_all(tmp_path: Path) -> None:
    forensics.new_rule(tmp_path / "mine" / "of-mine")
    case = forensics.join_cases([hand_made(), _member("FS01")], rules=tmp_path / "mine")
    assert "of-mine" in {finding.rule for finding in case.finding_list}
    path = tmp_path / "c.sqlite"
    forensics.append_to_case_file(_member("FS01"), path, rules=tmp_path / "mine")
    assert "of-mine" in {
        f.rule for f in forensics.append_to_case_file(hand_made(), path, rules=tmp_path / "mine").finding_list
    }
    (tmp_path / "mine" / "of-mine.yaml").write_text("id: x")
    before = path.read_bytes()
    with pytest.raises(forensics.RulePackError):
        forensics.append_to_case_file(_member("FS02"), path, rules=tmp_path / "mine")
    assert path.read_bytes() == before
