"""Logs and stores whose bytes were not got, or not all: not examined or partial; what stood before is kept."""

from __future__ import annotations

import errno
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

import forensics
from forensics.collectors.certificate_stores import collect_elements
from forensics.collectors.events import collect_events
from forensics.collectors.hyperv.collect import collect_hyperv
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.profiles import collect_profiles
from forensics.collectors.setup_events import collect_setup_events
from forensics.collectors.uses.collect import collect_certificate_uses
from forensics.disk.tree import Entry, NotObtained
from forensics.hyperv.judge import judge_hyperv
from forensics.sources.installation import Installation
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.hyperv import VmRow
from forensics.tables.outcome import Outcome
from testdata.builder import setup_logs
from testdata.builder.evtx import event_log, service_start_changed
from tests.bad_sectors import bad_sectors
from tests.collectors.uses.forged import context_of
from tests.collectors.virtual import installation, problems, software_hive, system_hive
from tests.exports import APP, machine
from tests.memory_tree import MemoryTree

LOG = "Windows/System32/winevt/Logs/System.evtx"
STATE = "Windows/Setup/State/State.ini"
ACTIONS = "Windows/System32/Sysprep/ActionFiles/Specialize.xml"
EVENT_TIME = datetime(2025, 3, 4, tzinfo=UTC)
SETUP_TIME = datetime(2024, 5, 6, 7, 8, 9)
CHUNK = 65536


class _Torn(io.BytesIO):
    """A file whose bytes from an offset on lie on bad sectors."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self.good = good

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size or 0) > self.good:
            raise NotObtained("the image cannot be read at byte 4711: bad sector")
        return super().read(size)


class _TornTree(MemoryTree):
    """A tree that gives a file up to an offset only."""

    def __init__(self, path: str, data: bytes, good: int) -> None:
        super().__init__({path: data})
        self._torn = path, data, good

    def open(self, file: Entry | str) -> BinaryIO:
        path, data, good = self._torn
        return _Torn(data, good) if self.entry(path) == file else super().open(file)


def _torn(path: str, data: bytes, good: int) -> Installation:
    made = installation({})
    made.tree = _TornTree(path, data, good)
    return made


def _told(examined: Installation, name: str) -> tuple[str, str | None]:
    (row,) = [row for row in examined.coverage if row.name == name and row.outcome != "absent"]
    return row.outcome, row.detail


def _events(count: int) -> bytes:
    changes = (service_start_changed("WEB01", EVENT_TIME + timedelta(minutes=n), "KeyIso", "CNG") for n in range(count))
    return event_log(list(changes))


def test_an_event_log_that_was_not_got() -> None:
    examined = installation({LOG: _events(2)}, not_obtained=[LOG])
    assert collect_events(examined) == []
    assert _told(examined, "System.evtx") == ("not_examined", f"{LOG} was not got")
    assert problems(examined) == [(LOG, "not_obtained")]


def test_an_event_log_of_which_the_end_was_not_got() -> None:
    data = _events(2000)
    assert len(data) > 4096 + 17 * CHUNK
    examined = _torn(LOG, data, 4096 + 16 * CHUNK)
    rows = collect_events(examined)
    assert 0 < len(rows) < 2000
    assert _told(examined, "System.evtx") == ("partial", "the image cannot be read at byte 4711: bad sector")
    assert [(p.kind, p.offset) for p in examined.problems] == [("not_obtained", 4096 + 16 * CHUNK)]


def test_a_disk_of_the_examiner_that_fails_while_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    examined = installation({LOG: b"x", STATE: b"y"})

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error", "/evidence/secret-name")

    monkeypatch.setattr(examined.tree, "open", lambda file: Failing())
    assert collect_events(examined) == []
    assert examined.read(STATE).outcome == Outcome("not_examined", "Input/output error")
    assert _told(examined, "System.evtx") == ("not_examined", "Input/output error")
    assert [p.message for p in examined.problems] == ["Input/output error"] * 2


@pytest.mark.parametrize("path", [setup_logs.SYSPREP_LOG, STATE, ACTIONS])
def test_files_of_setup_that_were_not_got(path: str) -> None:
    examined = installation({path: b"x"}, not_obtained=[path])
    assert collect_setup_events(examined) == []
    rows = [(r.outcome, r.detail) for r in examined.coverage if r.source_path == path]
    assert rows == [("not_examined", f"{path} was not got")]
    assert problems(examined) == [(path, "not_obtained")]


def test_a_log_of_setup_of_which_the_end_was_not_got() -> None:
    lines = setup_logs.log(SETUP_TIME, setup_logs.generalize_lines(SETUP_TIME))
    data = lines + b"\r\n" * (1 << 20)
    examined = _torn(setup_logs.SYSPREP_LOG, data, 1 << 20)
    assert len(collect_setup_events(examined)) == 8
    rows = [(r.outcome, r.detail) for r in examined.coverage if r.source_path == setup_logs.SYSPREP_LOG]
    assert rows == [("partial", "the image cannot be read at byte 4711: bad sector")]


def test_an_action_file_that_does_not_parse_was_seen_in_part_only() -> None:
    examined = installation({ACTIONS: b"<no action file"})
    collect_setup_events(examined)
    assert _told(examined, "Specialize.xml")[0] == "partial"


def test_a_certificate_file_that_was_not_got() -> None:
    name = "AB" * 20
    path = f"Users/eve/AppData/Roaming/Microsoft/SystemCertificates/My/Certificates/{name}"
    examined = installation({path: b"x"}, {"SOFTWARE": software_hive()}, not_obtained=[path])
    assert list(collect_elements(examined, collect_profiles(examined))) == []
    assert _told(examined, name) == ("not_examined", "store My")
    assert examined.coverage.missed_certificate(name)
    assert not examined.coverage.missed_certificate("CD" * 20)


def test_a_folder_of_keys_behind_one_that_was_not_got_may_be_there() -> None:
    profile = "Windows/System32/config/systemprofile/AppData/Roaming"
    examined = installation({f"{profile}/Microsoft/Crypto/Keys/x": b"x"})
    tree = examined.tree

    class _Hidden(MemoryTree):
        def entry(self, path: str) -> Entry:
            if path.startswith(profile):
                raise NotObtained("hidden")
            return tree.entry(path)

    examined.tree = _Hidden({})
    folders = {f.path: f.outcome.state for f in collect_key_folders(examined, collect_profiles(examined))}
    assert folders[f"{profile}/Microsoft/Crypto/Keys"] == "not_examined"


def test_a_configuration_of_iis_that_was_not_got_leaves_uses_open() -> None:
    path = "Windows/System32/inetsrv/config/applicationHost.config"
    system = system_hive()
    system.key("ControlSet002\\Services\\W3SVC").dword("Start", 2)
    examined = installation({path: b"<x/>"}, {"SYSTEM": system, "SOFTWARE": software_hive()}, not_obtained=[path])
    collect_certificate_uses(context_of(examined))
    told = {(r.area, r.outcome, r.detail) for r in examined.coverage if r.source_path == path}
    assert {(outcome, detail) for _, outcome, detail in told} == {("not_examined", f"{path} was not got")}


def _vms(files: dict[str, bytes | None], not_obtained: list[str], is_host: bool = False) -> list[VmRow]:
    source = Source("memory")
    tree = MemoryTree(files, is_host, not_obtained=not_obtained)
    windows = ("Windows",) if is_host else ()
    source.searched.append(SearchedTree(tree, "memory" if is_host else None, "" if is_host else "memory", windows))
    return [row for row in judge_hyperv(collect_hyperv(source), []) if isinstance(row, VmRow)]


def test_a_virtual_machine_whose_configuration_was_not_got() -> None:
    path = f"Virtual Machines/{APP}.vmcx"
    (row,) = _vms({path: machine().vmcx()}, [path])
    assert (row.vm_id, row.outcome, row.starts_here) == (APP, "not_examined", "unknown")
    assert row.starts_because == f"its configuration could not be read: {path} was not got"


def test_a_virtual_machine_whose_guest_state_was_not_got() -> None:
    state = f"Virtual Machines/{APP}.vmgs"
    (row,) = _vms({f"Virtual Machines/{APP}.vmcx": machine().vmcx(), state: b"x"}, [state])
    assert (row.outcome, row.guest_state) == ("present", "not_examined")


def test_a_guest_state_in_a_bad_sector_is_not_called_damaged(tmp_path: Path) -> None:
    state = tmp_path / "Virtual Machines" / f"{APP}.vmgs"
    state.parent.mkdir()
    state.write_bytes(bytes(8192))
    state.with_suffix(".vmcx").write_bytes(machine().vmcx())
    with bad_sectors(state, 0, 512):
        case = forensics.examine(tmp_path)
    (row,) = case.rows("vm")
    assert row.guest_state == "not_examined"
    assert [(p.kind, p.message) for p in case.rows("problem")] == [("not_obtained", "Input/output error")]
