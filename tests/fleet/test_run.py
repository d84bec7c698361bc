"""A run examines what its dataset does not know, and only that; every input is accounted for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.fleet.dataset import Dataset, DatasetError
from forensics.fleet.lock import is_running, locked
from forensics.fleet.options import FleetOptions
from forensics.fleet.stored import connect
from forensics.fleet.task import Done, Job
from tests.disk.remote.web_server import web_server
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")
other_reader("distributed", "distributed")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def disks(tmp_path: Path, small_disks: list[Path]) -> Path:
    folder = tmp_path / "disks"
    folder.mkdir()
    for disk in (small_disks[0], small_disks[8], small_disks[9]):
        shutil.copyfile(disk, folder / disk.name)
    (folder / "notes.txt").write_text("three disks")
    return folder


def run(disks: Path, **options: object) -> forensics.FleetStatus:
    return forensics.fleet_run(disks, dataset=disks.parent / "fleet", as_of=AS_OF, **options)  # type: ignore[arg-type]


def asked(disks: Path, sql: str) -> list[tuple[object, ...]]:
    with connect(Dataset.open(disks.parent / "fleet")) as connection:
        return [tuple(row) for row in connection.execute(sql).fetchall()]


def test_every_input_is_accounted_for(disks: Path, worked: list[str]) -> None:
    (disks / "empty.vhdx").touch()
    status = run(disks)
    assert status.inputs == 5
    told = {state: count for state, count in status.states.items() if count}
    assert told == {"examined": 3, "failed": 1, "not_evidence": 1}
    assert status.machines == 3
    assert not status.out_of_date
    assert [(r.failure, r.inputs, r.error) for r in status.reasons] == [
        ("source", 1, "it is empty: nothing was copied into it")
    ]
    assert worked == ["disk00000.qcow2", "disk00008.qcow2", "disk00009.qcow2"]


def test_it_says_what_each_disk_says_examined_by_itself(disks: Path, worked: list[str]) -> None:
    run(disks)
    case = forensics.examine(disks / "disk00000.qcow2", as_of=AS_OF)
    sql = "SELECT {} FROM {} JOIN main.disk USING (disk) WHERE path LIKE '%disk00000.qcow2' ORDER BY ALL"
    chains = [(row.thumbprint, row.verdict, row.broken_at) for row in case.rows("key_chain")]
    assert asked(disks, sql.format("thumbprint, verdict, broken_at", "key_chain")) == sorted(chains)
    machine = case.rows("machine")[0]
    assert asked(disks, sql.format("computer_name, machine_sid", "machine")) == [("FLEET00000", machine.machine_sid)]
    # One about several machines is asked of all together.
    assert asked(disks, sql.format("rule, title", "finding")) == sorted((f.rule, f.title) for f in case.finding_list)


def test_what_spans_machines_is_found(disks: Path, worked: list[str]) -> None:
    status = run(disks)
    import duckdb

    across = disks.parent / "fleet" / "across"
    with duckdb.connect() as connection:
        shared = connection.execute(
            f"SELECT computer_name, relation, shares FROM '{across / 'shared_identity.parquet'}' ORDER BY 1"
        ).fetchall()
        rules = connection.execute(f"SELECT rule FROM '{across / 'finding.parquet'}'").fetchall()
    shares = ["machine_sid", "machine_guid", "dpapi_system"]
    assert shared == [("FLEET00008", "clone", shares), ("FLEET00009", "clone", shares)]
    assert ("clone-without-generalize",) in rules
    assert status.findings == len(rules) + len(asked(disks, "SELECT rule FROM finding"))


@pytest.mark.usefixtures("apart")
def test_a_second_run_does_what_is_new_or_has_changed(disks: Path, worked: list[str]) -> None:
    run(disks)
    worked.clear()
    assert run(disks).states["examined"] == 3
    assert worked == []
    shutil.copyfile(disks / "disk00000.qcow2", disks / "more.qcow2")
    os.utime(disks / "disk00008.qcow2", (1, 1))
    status = run(disks)
    assert sorted(worked) == ["disk00008.qcow2", "more.qcow2"]
    assert status.states["examined"] == 4
    assert status.copies == 1
    assert status.machines == 3
    assert asked(disks, "SELECT same_as FROM main.disk WHERE path LIKE '%more%'") == [(str(disks / "disk00000.qcow2"),)]


@pytest.mark.usefixtures("apart")
def test_another_date_has_all_examined_anew(disks: Path, worked: list[str]) -> None:
    run(disks)
    worked.clear()
    later = datetime(2026, 12, 1, tzinfo=UTC)
    status = forensics.fleet_run(disks, dataset=disks.parent / "fleet", as_of=later)
    assert len(worked) == 3
    assert (status.as_of, status.other_dates, status.inputs) == (later, 0, 4)
    worked.clear()
    # The date is that of the dataset from then on.
    assert forensics.fleet_run(disks, dataset=disks.parent / "fleet").as_of == later
    assert worked == []


@pytest.mark.usefixtures("apart")
def test_another_option_has_all_examined_anew_and_is_kept(disks: Path, worked: list[str]) -> None:
    run(disks)
    worked.clear()
    key = disks.parent / "key.pvk"
    shutil.copyfile(Path(__file__).parents[2] / "testdata" / "keys" / "domain-backup.pvk", key)
    run(disks, options=FleetOptions(domain_backup_keys=(str(key),)))
    assert len(worked) == 3
    worked.clear()
    run(disks)
    assert worked == []
    os.utime(key, (1, 1))
    run(disks)
    assert len(worked) == 3


@pytest.mark.usefixtures("apart")
def test_what_failed_is_examined_again_when_asked_for(disks: Path, worked: list[str]) -> None:
    broken = disks / "broken.vhdx"
    broken.write_bytes(b"vhdxfile".ljust(1 << 20, b"\0"))
    assert run(disks).states["failed"] == 1
    worked.clear()
    run(disks)
    assert worked == []
    forensics.fleet_retry(disks.parent / "fleet")
    assert worked == ["broken.vhdx"]
    assert asked(disks, "SELECT attempt, failure FROM main.disk WHERE state = 'failed'") == [(1, "source")]
    shutil.copyfile(disks / "disk00000.qcow2", broken)
    assert forensics.fleet_retry(disks.parent / "fleet").states["failed"] == 0


@pytest.mark.usefixtures("apart")
def test_what_was_killed_is_a_failure_that_the_next_run_examines_again(
    disks: Path, worked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killing(
        client: None, jobs: Iterable[Job], done: Callable[[Done], None], killed: Callable[[Job, str], None]
    ) -> None:
        for job in jobs:
            killed(job, "its workers were killed")

    with monkeypatch.context() as patched:
        patched.setattr("forensics.fleet.run.give_out", killing)
        status = run(disks)
    assert [(reason.failure, reason.inputs) for reason in status.reasons] == [("killed", 3)]
    assert run(disks).states["examined"] == 3


@pytest.mark.usefixtures("apart")
def test_disks_that_build_on_another_are_one_input_with_that(
    tmp_path: Path, small_disks: list[Path], worked: list[str]
) -> None:
    disks = tmp_path / "disks"
    disks.mkdir()
    shutil.copyfile(small_disks[0], disks / "base.qcow2")
    (disks / "top.qcow2").write_bytes(overlay("base.qcow2", 2 << 20))
    status = run(disks)
    assert worked == ["top.qcow2"]
    assert {s: n for s, n in status.states.items() if n} == {"examined": 1, "read_as_parent": 1}
    assert asked(disks, "SELECT state, read_with FROM main.disk ORDER BY 1") == [
        ("examined", None),
        ("read_as_parent", str(disks / "top.qcow2")),
    ]
    worked.clear()
    (disks / "top.qcow2").unlink()
    forensics.fleet_run(disks, dataset=tmp_path / "fleet")
    assert worked == ["base.qcow2"]


def overlay(base: str, size: int) -> bytes:
    import struct

    name = base.encode()
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 72, len(name), 16, size, 0, 1, 1 << 16, 0, 0, 0, 0)
    return (head + name).ljust(1 << 16, b"\0") + bytes(8).ljust(1 << 16, b"\0")


@pytest.mark.usefixtures("apart")
def test_two_runs_are_kept_apart(disks: Path, worked: list[str]) -> None:
    run(disks)
    dataset = Dataset.open(disks.parent / "fleet")
    assert not is_running(dataset)
    with locked(dataset):
        assert is_running(dataset)
        assert forensics.fleet_status(dataset.path).running
        with pytest.raises(DatasetError, match="another run works on"):
            run(disks)


@pytest.mark.usefixtures("apart")
def test_evidence_is_never_written(disks: Path, worked: list[str]) -> None:
    with pytest.raises(forensics.EvidenceTargetError, match="evidence is never written"):
        forensics.fleet_run(disks, dataset=disks / "fleet", as_of=AS_OF)
    with pytest.raises(DatasetError, match="is no dataset"):
        forensics.fleet_run(disks, dataset=disks.parent, as_of=AS_OF)
    assert sorted(path.name for path in disks.iterdir())[-1] == "notes.txt"


@pytest.mark.usefixtures("apart")
def test_options_are_checked_before_anything_is_examined(disks: Path, worked: list[str], tmp_path: Path) -> None:
    with pytest.raises(forensics.SourceError, match="it is not there"):
        run(disks, options=FleetOptions(bek_file="gone.bek"))
    mistyped = tmp_path / "key.txt"
    mistyped.write_text("111111-" * 7 + "111112\n")
    with pytest.raises(forensics.SourceError, match="recovery"):
        run(disks, options=FleetOptions(recovery_key_file=str(mistyped)))
    with pytest.raises(forensics.SourceError, match="NT hash of alice is not 32 hexadecimal digits"):
        run(disks, options=FleetOptions(nt_hashes=(("alice", str(mistyped)),)))
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "bad.yaml").write_text("format: 1\n")
    with pytest.raises(forensics.RulePackError):
        run(disks, options=FleetOptions(rules=(str(rules),)))
    assert worked == []


@pytest.mark.usefixtures("apart")
def test_no_secret_is_in_a_dataset(disks: Path, worked: list[str]) -> None:
    secret = disks.parent / "secret.txt"
    secret.write_text("Correct-Horse-Battery\n")
    options = FleetOptions(passwords=(("alice", str(secret)),), password_file=str(secret))
    run(disks, options=options)
    assert b"secret.txt" in (disks.parent / "fleet" / "fleet.json").read_bytes()
    for path in (disks.parent / "fleet").rglob("*"):
        assert not path.is_file() or b"Correct-Horse" not in path.read_bytes()


@pytest.mark.usefixtures("apart")
def test_status_says_how_keys_of_a_domain_are_opened(tmp_path: Path, worked: list[str]) -> None:
    image = Path(__file__).parents[2] / "testdata" / "images" / "healthy.vhdx.xz"
    status = forensics.fleet_run(image, dataset=tmp_path / "fleet", as_of=AS_OF)
    assert status.waiting == 1
    assert "users' keys on 1 machine wait for the backup key of their domain" in status.render()
    told = json.loads(status.render("json"))
    assert (told["waiting_for_domain_key"], told["domain_controllers"], told["inputs"]) == (1, [], 1)


@pytest.mark.usefixtures("apart")
def test_disks_on_a_server(tmp_path: Path, small_disks: list[Path], worked: list[str]) -> None:
    pytest.importorskip("fsspec")
    files = {f"disks/{disk.name}": disk.read_bytes() for disk in small_disks[:2]}
    with web_server(files) as server:
        for _ in range(2):
            status = forensics.fleet_run(f"{server.url}/disks/", dataset=tmp_path / "fleet", as_of=AS_OF)
        server.files["disks/disk00001.qcow2"] = small_disks[2].read_bytes()
        status = forensics.fleet_run(f"{server.url}/disks/*", dataset=tmp_path / "fleet")
    assert worked == ["disk00000.qcow2", "disk00001.qcow2", "disk00001.qcow2"]
    assert (status.states["examined"], status.inputs) == (2, 2)
