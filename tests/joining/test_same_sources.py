"""What several cases examined counts once, and what is only called the same counts each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

import forensics
from forensics.tables.certificate import KeyFileRow
from forensics.tables.hyperv import BitLockerRow, VmRow
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from tests.hand_made import AS_OF, chain, machine, utc

PATH = "d/web.vhdx"


def _case(
    *more: Row,
    path: str = PATH,
    size: int | None = 100,
    sha256: str | None = "a",
    written: datetime = AS_OF,
    as_of: datetime = AS_OF,
    version: str = forensics.__version__,
    verdict: str = "unknown",
    **values: Any,
) -> forensics.Case:
    """Return the case of a disk with one machine, whose key file was written then."""
    rows: list[Row] = [
        machine(**values),
        chain(verdict=verdict),
        KeyFileRow(
            machine_id=1, source_path="a", path="a", file_name="a", kind="capi", scope="machine", source_time=written
        ),
        CoverageRow(
            machine_id=0, source_path=f"{path}#partition 1", area="volume", name="partition 1", outcome="present"
        ),
    ]
    entry = SourceEntry(path, "disk", [1], size=size, sha256=sha256)
    return forensics.Case([*rows, *more], [entry], as_of, tool_version=version)


def _failed(path: str = PATH, size: int | None = 100, sha256: str | None = "a") -> forensics.Case:
    problem = ProblemRow(machine_id=0, source_path=path, kind="encrypted", message="it is encrypted")
    return forensics.Case([problem], [SourceEntry(path, "disk", size=size, sha256=sha256, error="encrypted")], AS_OF)


def _verdicts(joined: forensics.Case) -> list[str]:
    return [row.verdict for row in joined.rows("key_chain")]


def _told(joined: forensics.Case) -> list[tuple[list[int], str | None]]:
    return [(entry.machine_ids, entry.error) for entry in joined.sources]


NEWER = "examined more than once: the newer examination counts"
READ = "examined more than once: the one that could read it counts"
COPY = f"the same as {PATH} in all that was read, counted once"
AGAIN = "examined more than once, the same in all that was read, counted once"


@pytest.mark.parametrize("sha256", ["a", None])
def test_of_two_examinations_the_newer_one_stands(sha256: str | None) -> None:
    for first, second, stands in (
        (_case(), _case(verdict="usable", sha256=sha256), 1),
        (_case(as_of=utc(2026, 12, 1)), _case(verdict="usable", sha256=sha256), 0),
        (_case(as_of=utc(2026, 12, 1)), _case(verdict="usable", sha256=sha256, version="99.1"), 1),
        (_case(version="0.0.9"), _case(verdict="usable", sha256=sha256, version="0.0.10"), 1),
        (_case(version="0.0.10"), _case(verdict="usable", sha256=sha256, version="0.0.9"), 0),
    ):
        joined = forensics.join_cases([first, second])
        assert _verdicts(joined) == [("unknown", "usable")[stands]]
        assert _told(joined)[stands] == ([1], None)
        assert _told(joined)[1 - stands] == ([], NEWER)
        assert [entry.same_as for entry in joined.sources] == [None if n == stands else PATH for n in (0, 1)]
        assert len(joined.rows("coverage")) == len(joined.rows("machine")) == 1
        assert joined.rows("shared_identity") == []


def test_where_all_is_the_same_the_first_stands() -> None:
    assert _told(forensics.join_cases([_case(), _case()])) == [([1], None), ([], AGAIN)]
    joined = forensics.join_cases([_case(), _case(path="other/copy.raw", size=7, sha256=None)])
    assert _told(joined) == [([1], None), ([], COPY)]
    # What was said of the copy's own volumes stays: it is another file.
    assert [row.source_path for row in joined.rows("coverage")] == [f"{PATH}#partition 1", "other/copy.raw#partition 1"]


@pytest.mark.parametrize(
    "other",
    [
        _case(verdict="usable", path="e/web.vhdx"),
        _case(verdict="usable", size=101),
        _case(verdict="usable", sha256="b"),
        _case(verdict="usable", computer_name="WEB02"),
        _case(verdict="usable", size=None),
        _case(verdict="usable", sha256=None, written=utc(2026, 1, 1)),
    ],
)
def test_another_disk_or_another_state_counts(other: forensics.Case) -> None:
    joined = forensics.join_cases([_case(), other])
    assert _verdicts(joined) == ["unknown", "usable"]
    assert _told(joined) == [([1], None), ([2], None)]


def test_what_could_be_read_stands_before_what_could_not() -> None:
    for cases, stands in (([_failed(), _case()], 1), ([_case(), _failed()], 0), ([_failed(sha256=None), _case()], 1)):
        joined = forensics.join_cases(cases)
        assert _told(joined)[stands] == ([1], None)
        assert _told(joined)[1 - stands] == ([], READ)
        assert joined.rows("problem") == []
    for unlike in (_failed(size=99), _failed(sha256="b"), _failed(path="x.vhdx"), _failed(size=None)):
        assert _told(forensics.join_cases([unlike, _case()])) == [([], "encrypted"), ([1], None)]


def test_what_is_on_the_disk_beside_the_machine_goes_with_it() -> None:
    of_disk: list[Row] = [
        VmRow(machine_id=0, source_path="partition 2/a.vmcx", on_disk=PATH, volume="partition 2", vm_id="a"),
        BitLockerRow(machine_id=0, source_path=PATH, volume="partition 3", disk=PATH),
        ProblemRow(machine_id=0, source_path=f"{PATH}#partition 3", kind="k", message="m"),
    ]
    other = SourceEntry("z.vhdx", "disk", error="no")
    first = _case(*of_disk)
    first.sources.append(other)
    joined = forensics.join_cases([first, _case(*of_disk, verdict="usable")])
    assert {table: len(joined.rows(table)) for table in ("vm", "bitlocker", "problem")} == dict.fromkeys(
        ("vm", "bitlocker", "problem"), 1
    )


def test_a_disk_that_is_added_again_and_again_is_told_once() -> None:
    joined = forensics.join_cases([_case(), _case(verdict="usable")])
    again = forensics.join_cases([_case(verdict="unusable")])
    for _ in range(20):
        joined = forensics.join_cases([joined, again])
    assert _told(joined) == [([], NEWER), ([1], None), ([], AGAIN)]
    assert _verdicts(joined) == ["unusable"]


def test_folders_whose_disks_were_all_examined_again_leave_nothing() -> None:
    def folder(verdict: str) -> forensics.Case:
        made = _case(verdict=verdict, path="d/web.vhdx")
        made.sources.insert(0, SourceEntry("d", "folder"))
        made.sources[1].found_in = "d"
        return made

    joined = forensics.join_cases([folder(verdict) for verdict in ("unknown", "usable", "unusable")])
    assert [(e.path, e.same_as) for e in joined.sources] == [("d", None), (PATH, PATH), ("d", None), (PATH, None)]
    assert _verdicts(joined) == ["unusable"]


@pytest.mark.parametrize("first_is_older", [True, False])
def test_a_disk_that_changed_between_two_examinations_has_one_present_state(first_is_older: bool) -> None:
    then = _case(sha256="b", size=101, last_seen_alive=utc(2026, 10, 1))
    now = _case(verdict="usable", last_seen_alive=utc(2026, 11, 1))
    joined = forensics.join_cases([then, now] if first_is_older else [now, then])
    newer = f"{PATH} as it was at 2026-11-01 00:00:00 UTC"
    older = [entry.older_state_of for entry in joined.sources]
    assert older == ([newer, None] if first_is_older else [None, newer])
    assert f"{PATH} is an older state of a machine: the present one is {newer}" in joined.not_examined
    assert "builds on it" not in forensics.render(joined, "text")


def test_which_of_two_states_is_the_present_one_is_not_guessed() -> None:
    joined = forensics.join_cases([_case(sha256="b", size=101), _case(last_seen_alive=utc(2026, 11, 1))])
    assert [entry.older_state_of for entry in joined.sources] == [None, None]
