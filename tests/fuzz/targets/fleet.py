"""Datasets of fleets that strangers wrote, the options in them, and folders of which a fleet's plan is made.

Rows are changed and not the bytes of Parquet, whose readers are those of DuckDB and Arrow: ``fleet-part`` is for these.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import forensics
from forensics.fleet.dataset import BUCKETS, DatasetError
from forensics.fleet.options import FleetOptions
from forensics.fleet.part import columns_of
from forensics.fleet.plan import plan
from forensics.fleet.stored import UnknownDiskError
from forensics.report.exports.arrow import arrow_schema
from tests.fuzz import given_files
from tests.fuzz.target import Target, hold

_KEY = "0123456789abcdef0123456789abcdef"
_PATH = "nas/web.vhdx"
_MOST_LINES = 200
_WORDS = (
    *(b'"state": "failed"', b'"disk": "../../x"', b"null", b"[]", b"{}", b'"\\ud800"', b'"\\u0000"', b"1e400", b"NaN"),
    *(b"99999999999999999999", b"-1", b'"as_of": 5', b'"path": ""', b'"json": "{}"', b"disk ", b"finding ", b"across "),
    *(b"machine ", b"true", b'"replaces": ["folded-0.parquet"]', b'"disks": 5', b'"machine_id": 0', b'"0001-01-01"'),
)


def _fleet(folder: Path) -> Path:
    return folder / "fleet"


def _put(data: bytes) -> Path:
    """Write the dataset that an input describes: lines of a table and a row of it, then ``fleet.json``."""
    place = _fleet(given_files.folder())
    *lines, head = data.split(b"\n")
    tables: dict[str, list[dict[str, Any]]] = {}
    for line in lines[:_MOST_LINES]:
        table, _, told = line.partition(b" ")
        try:
            row = json.loads(told)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and (name := table.decode("latin-1")) in _tables():
            tables.setdefault(name, []).append(row)
    with given_files.unwatched():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "fleet.json").write_bytes(head)
        for name, rows in tables.items():
            _write(place, name, rows)
    return place


@cache
def _tables() -> frozenset[str]:
    from forensics.fleet.across_rows import ACROSS
    from forensics.fleet.dataset import PER_DISK

    return frozenset(("disk", *PER_DISK, *(f"across/{name}" for name in ACROSS)))


def _write(place: Path, table: str, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = _types(table)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        cells, kind = [row.get(name) for row in rows], types.get(name)
        try:
            if kind is not None and pa.types.is_timestamp(kind):
                cells = [None if cell is None else datetime.fromisoformat(cell) for cell in cells]
            columns[name] = pa.array(cells, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            # What is of no such type is there as another one.
            columns[name] = pa.array([None if cell is None else json.dumps(cell) for cell in cells], pa.string())
    across = table.partition("/")[2]
    target = (
        place / "across" / f"{across}.parquet" if across else place / table / f"bucket={_KEY[0]}" / f"{_KEY}.parquet"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(pa.ArrowException):  # an object without names has no form in Parquet
        pq.write_table(pa.table(columns), target, compression="none", write_statistics=False, use_dictionary=False)


@cache
def _types(table: str) -> dict[str, Any]:
    from forensics.fleet.across_rows import ACROSS

    across = table.partition("/")[2]
    specs = ACROSS[across] if across else columns_of(table)
    schema: Any = arrow_schema(specs)
    return {field.name: field.type for field in schema}


def _refused() -> tuple[type[Exception], ...]:
    import duckdb

    return (DatasetError, UnknownDiskError, duckdb.OutOfMemoryException)


def _use(place: Path) -> None:
    """Ask a dataset what users ask it; what it should not hold ends a question with a sentence."""
    with _ending_with_a_sentence():
        assert forensics.render(forensics.fleet_status(place), "json")
    # It is opened once, which takes longer than all that is asked of it then.
    with _ending_with_a_sentence(), forensics.open_fleet(place) as fleet:
        with _ending_with_a_sentence(), fleet.reading():
            for (disk,) in fleet.sql("SELECT disk FROM main.disk ORDER BY disk LIMIT 3").fetchall():
                assert forensics.render(fleet.case(disk), "json")
        with _ending_with_a_sentence():
            assert forensics.render(forensics.fleet_report(fleet), "json")


@contextmanager
def _ending_with_a_sentence() -> Iterator[None]:
    try:
        yield
    except _refused() as error:
        hold(str(error), "a refusal without a message")


def _dataset(data: bytes) -> None:
    _use(_put(data))


@cache
def _small() -> list[bytes]:
    """Return the lines of a dataset of one small disk whose key is gone, and of one that failed."""
    import tempfile

    import pyarrow.parquet as pq

    from tests.fleet.small_disks import make_disk
    from tests.fleet.small_fleet import AS_OF, add, made

    with tempfile.TemporaryDirectory() as folder:
        disk = make_disk(Path(folder), 1)
        dataset = made(Path(folder) / "fleet")
        case = forensics.examine(disk, as_of=AS_OF)
        key = add(dataset, _PATH, case, content="0" * 64)
        lines = [(dataset.path / "fleet.json").read_bytes().strip()]
        for table in sorted(_tables() - {name for name in _tables() if name.startswith("across/")}):
            for path in dataset.files(table):
                for row in pq.ParquetFile(path).read().to_pylist():
                    told = {name: cell for name, cell in row.items() if cell is not None}
                    lines.append(f"{table} {json.dumps(told, default=str)}".replace(key, _KEY).encode())
        return lines


def _rows(*tables: str, more: Sequence[bytes] = ()) -> bytes:
    head, *lines = _small()
    found = []
    for table in tables:
        found += [line for line in lines if line.startswith(f"{table} ".encode())][:1]
    return b"\n".join([*found, *more, head])


def _dataset_seeds() -> Sequence[bytes]:
    when = '"as_of": "2026-11-22 00:00:00+00:00", "attempt": 0, "machines": 0'
    failed = f'disk {{"disk": "{_KEY}", "path": "a", "state": "failed", "error": "a is torn", {when}}}'.encode()
    across = b'across/finding {"machine_id": 1, "finding": "f", "rule": "r", "severity": "high", "verdict": "match"}'
    return [
        _rows(more=[failed]),
        _rows("disk", "machine", "source", "summary", "ending"),
        _rows("disk", "certificate", "key_chain", "finding"),
        _rows("disk", "problem", "master_key", "secret", "coverage", more=[across]),
    ]


def _part(data: bytes) -> None:
    """Take an input for the file with the row of a disk."""
    place = _fleet(given_files.folder())
    bucket = place / "disk" / f"bucket={BUCKETS[0]}"
    with given_files.unwatched():
        if not bucket.is_dir():
            shutil.rmtree(place, ignore_errors=True)
            bucket.mkdir(parents=True)
        (place / "fleet.json").write_bytes(_small_head())
        (bucket / f"{_KEY}.parquet").write_bytes(data)
    try:
        with _ending_with_a_sentence():
            forensics.fleet_status(place)
    finally:
        with given_files.unwatched():
            shutil.rmtree(place, ignore_errors=True)


def _small_head() -> bytes:
    return b'{"format": 1, "tool": "keymortem", "as_of": "2026-11-22T00:00:00Z", "options": {}}'


def _part_seeds() -> Sequence[bytes]:
    from forensics.fleet.disk_record import DISK
    from forensics.fleet.part import parquet
    from tests.fleet.small_fleet import record

    cells = [record("nas/torn.vhdx", state="failed", error="its header is damaged").cells]
    return [parquet(DISK, cells), parquet(DISK, cells, [_KEY])]


def _options(data: bytes) -> None:
    """What a run goes on with that stands in a dataset."""
    options = FleetOptions.of_text(data.decode("utf-8", "replace"))
    hold(FleetOptions.of_text(options.as_text) == options, "it does not read what it wrote")
    assert len(options.key) in (0, 16)
    assert all(isinstance(path, Path) for path in options.files)


def _options_seeds() -> Sequence[bytes]:
    many = FleetOptions(
        passwords=(("alice", "/nowhere/alice"),),
        domain_backup_keys=("/nowhere/a.pvk",),
        rules=("/nowhere/rules",),
        offset="search",
        image=2,
        seconds=7,
    )
    return [FleetOptions().as_text.encode(), many.as_text.encode(), b'{"nt_hashes": [["bob", "b"]], "regback": true}']


def _contents(name: str) -> tuple[bytes, ...]:
    """Return what a file of a plan may hold."""
    named = name.encode("utf-8", "replace")[:200]
    qcow2 = (
        struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 72, len(named), 16, 1 << 20, 0, 1, 1 << 16, 0, 0, 0, 0) + named
    )
    return (
        (bytes(510) + b"\x55\xaa").ljust(4096, b"\0"),
        qcow2.ljust(4096, b"\0"),
        b'virtualHW.version = "19"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "%s"\n' % named,
        b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\nRW 8 FLAT "%s" 0\n' % named,
        b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=2\nparentFileNameHint="%s"\nRW 8 SPARSE "x" 0\n' % named,
        b"EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00".ljust(4096, b"\0"),
        b"PK\x05\x06" + bytes(18),
        b"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM]\r\n",
        b"",
        b"a text\n",
    )


def _plan(data: bytes) -> None:
    """Plan a folder: each line of an input is a file, the kind of its content, its name, and what it names."""
    top = given_files.folder() / "planned"
    named = []
    for line in data.decode("utf-8", "replace").split("\n")[:24]:
        kind, _, rest = line.partition(" ")
        name, _, other = rest.partition(" ")
        parts = [part for part in name.split("/") if part not in ("", ".", "..")][:3]
        if parts and not any(len(part.encode()) > 200 or "\0" in part for part in parts):
            contents = _contents(other)
            named.append((top.joinpath(*parts), contents[(ord(kind[0]) - 48) % len(contents)] if kind else b""))
    with given_files.unwatched():
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir()
        for path, content in named:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            except OSError:
                continue  # a file is a folder of another one
    files = {str(path) for path in top.rglob("*") if path.is_file()}
    made = plan([str(top)])
    told = [other.path for other in made.others]
    for task in made.tasks:
        told += [task.path, *(path for path, _ in task.shown)]
    hold(len(told) == len(set(told)) == made.inputs, "an input is in the plan twice")
    whole = tuple(f"{path}/" for path in told)
    hold(all(path in told or path.startswith(whole) for path in files), "a file is in no plan")
    hold(all(other.error for other in made.others if other.state == "failed"), "a failure without a reason")


def _plan_seeds() -> Sequence[bytes]:
    return [
        b"0 a/one.raw\n0 a/disk.001\n0 a/disk.002\n9 a/notes.txt\n8 empty.vhdx",
        b"1 base.qcow2\n1 middle.qcow2 base.qcow2\n1 top.qcow2 middle.qcow2\n1 loop.qcow2 loop.qcow2",
        b"2 web/web.vmx web.vmdk\n3 web/web.vmdk web-flat.vmdk\n0 web/web-flat.vmdk\n4 web/web-000001.vmdk web.vmdk",
        b"5 a.E01\n5 a.E02\n6 DFIR-ORC_Server_WEB_Small.7z\n6 ORC_Server_WEB_Big.7z\n7 loose/a.reg\n0 loose/b.raw",
    ]


TARGETS = (
    Target(
        *("fleet-dataset", _dataset, _dataset_seeds),
        words=_WORDS,
        reads_files=True,
        seconds=4,
        mib=512,
        is_slow=True,
    ),
    Target("fleet-part", _part, _part_seeds, reads_files=True, seconds=2, mib=512, is_slow=True),
    Target(
        *("fleet-options", _options, _options_seeds),
        errors=(ValueError,),
        words=(b'"rules": [', b'"passwords": [[', b"null", b"5", b'"/nowhere"', b"\\u0000", b"\\ud800", b'"offset":'),
        reads_files=True,
    ),
    Target(
        *("fleet-plan", _plan, _plan_seeds),
        words=(
            b".E01",
            b".001",
            b"-flat.vmdk",
            b"-000001.vmdk",
            b".vmsd",
            b".vmx",
            b"\n2 ",
            b"Virtual Machines/",
            b".vmcx",
        ),
        reads_files=True,
        seconds=3,
    ),
)
