"""Event logs made to hang, bloat or crash what reads them: a problem each, and what is sound beside them is read."""

from __future__ import annotations

import os
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from forensics.collectors import event_parser
from forensics.collectors.event_filters import EVENT_LOGS
from forensics.collectors.event_parser import Parser
from forensics.collectors.events import collect_events
from forensics.formats.evtx import log_of
from forensics.sources.installation import Installation
from testdata.builder.evtx import Event, event_log, rdp_certificate_created
from tests.collectors import hostile_evtx as hostile
from tests.collectors.virtual import installation, problems
from tests.time_bound import within

LOGS = "Windows/System32/winevt/Logs"
SYSTEM = f"{LOGS}/System.evtx"
NCRYPT = f"{LOGS}/Microsoft-Windows-Crypto-NCrypt%4Operational.evtx"  # every provider, so that no chunk is passed over
TIME = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
CHUNK = 65536

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork nothing can end the parser")


@pytest.fixture(autouse=True)
def in_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every log here costs at most seconds; the limit is wide, for computers that do other things beside."""
    monkeypatch.setattr(event_parser, "CHUNK_SECONDS", 0.2)  # twenty times what a sound chunk takes
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 60


def sound(count: int = 3, provider: str = "Microsoft-Windows-Crypto-NCrypt") -> list[bytes]:
    """Return chunks with one record each."""
    logs = (event_log([Event(provider, 3, TIME, "WEB01", data={"n": str(n)})], n) for n in range(1, count + 1))
    return [log[4096:] for log in logs]


NCRYPT_LOG = next(log for log in EVENT_LOGS if NCRYPT.endswith(log.file))
ENDED = "the parser took too much time or memory for a part of the event log, and was ended"
UNFOLDS = "records of the event log unfold to many times their size"


class Told:
    """A log that keeps what it is told of its chunks."""

    def __init__(self) -> None:
        self.records: list[str | None] = []
        self.failures: list[str] = []
        self.is_left = False

    def parsed(self, records: Sequence[str | None], failure: str | None, offset: int | None) -> None:
        assert offset is None
        self.records += records
        self.failures += [failure] if failure else []

    def not_parsed(self) -> None:
        self.is_left = True

    def parse(self, chunks: list[bytes], wants: Callable[[str], bool] = NCRYPT_LOG.wants) -> Told:
        parser = Parser()
        for chunk in chunks:
            parser.give(self, wants, chunk)
        parser.finish()
        return self


def slowly(record: str) -> bool:
    """Want every record, after four tenths of a second of processor time."""
    until = time.process_time() + 0.4
    while time.process_time() < until:
        pass
    return True


def read(chunks: list[bytes], path: str = NCRYPT) -> tuple[Installation, list[int | None]]:
    examined = installation({path: log_of(chunks)})
    return examined, [row.record_id for row in collect_events(examined)]


@needs_fork
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: hostile.bomb(100, 3), "too much time or memory"),
        (lambda: hostile.bomb(2, 40), "too much time or memory"),
        (hostile.endless_names, "too much time or memory"),
        (lambda: hostile.bomb(100, 2), "unfold to many times their size"),
        (hostile.template_in_itself, "cannot be read"),
        (hostile.endless_templates, "not what records are"),
        (lambda: hostile.deep_elements(4900), "cannot be read"),
        (lambda: hostile.deep_values(2000), "cannot be read"),
    ],
    ids=[
        "gigabytes",
        "deep-gigabytes",
        "endless",
        "large",
        "template-in-itself",
        "template-chain",
        "deep",
        "deep-values",
    ],
)
def test_what_ends_the_parser_is_a_problem_and_the_rest_is_read(make: Callable[[], bytes], reason: str) -> None:
    first, second, third = sound()
    examined, records = read([first, make(), second, third])
    assert records == [1, 2, 3]
    assert problems(examined) == [(NCRYPT, "bad_record")]
    (problem,) = examined.problems
    assert reason in problem.message
    (coverage,) = [c for c in examined.coverage if c.source_path == NCRYPT]
    assert (coverage.outcome, coverage.detail) == ("present", "damaged parts: 1")


@needs_fork
def test_many_such_parts_are_not_all_waited_for() -> None:
    examined, records = read([*sound(2), *[hostile.endless_names()] * 200])
    assert records == [1, 2]
    assert {kind for _, kind in problems(examined)} == {"bad_record", "too_much_work"}
    (coverage,) = [c for c in examined.coverage if c.source_path == NCRYPT]
    assert coverage.detail is not None
    assert "not read to its end" in coverage.detail


@needs_fork
def test_the_parser_gets_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_parser, "MAX_MEMORY", 64 << 20)
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert Told().parse([hostile.bomb(60, 4)]).failures == [ENDED]
    grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert grown <= max(before, own + (96 << 10))


@pytest.fixture
def without_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, which has neither ``os.fork`` nor the module ``resource``."""
    monkeypatch.delattr(os, "fork", raising=False)
    monkeypatch.setitem(sys.modules, "resource", None)


@pytest.mark.usefixtures("without_fork")
def test_without_fork_records_come_all_the_same() -> None:
    assert read(sound())[1] == [1, 2, 3]
    assert len(Told().parse(sound(2) * 100).records) == 200


@pytest.mark.usefixtures("without_fork")
@pytest.mark.parametrize("module", ["evtx", "json", "struct"])
def test_nothing_is_imported_from_where_it_was_started(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may be the folder of the evidence."""
    (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    import_module(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert read(sound())[1] == [1, 2, 3]
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("without_fork")
def test_without_fork_output_is_bounded() -> None:
    assert Told().parse([hostile.bomb(100, 2)]).failures == [UNFOLDS]


@pytest.mark.usefixtures("without_fork")
def test_without_fork_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_parser, "MAX_WAIT_WITHOUT_FORK", 1)
    assert Told().parse([hostile.endless_names(), *sound(2)]).failures == [ENDED]


@pytest.mark.parametrize("given", [1, event_parser.BATCH])
def test_no_child_is_left_when_reading_stops_early(given: int) -> None:
    Told().parse(sound(1))  # where a nursery forks, it is there from now on
    before = _children()
    parser, told = Parser(), Told()
    for chunk in sound(1) * given:
        parser.give(told, NCRYPT_LOG.wants, chunk)
    parser.close()
    assert told.records == []
    assert _children() <= before


@needs_fork
def test_what_ends_the_parser_costs_one_chunk_of_the_logs_that_it_parses() -> None:
    parser, first, second = Parser(), Told(), Told()
    good, better = sound(2)
    for log, chunk in ((first, good), (second, hostile.endless_names()), (first, better), (second, good)):
        parser.give(log, NCRYPT_LOG.wants, chunk)
    parser.finish()
    assert (len(first.records), first.failures) == (2, [])
    assert (len(second.records), second.failures) == (1, [ENDED])


@needs_fork
def test_slow_chunks_together_are_no_fault_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_parser, "BATCH_SECONDS", 1)
    monkeypatch.setattr(event_parser, "CHUNK_SECONDS", 5)
    told = Told().parse(sound(3), slowly)
    assert (len(told.records), told.failures, told.is_left) == (3, [], False)


def _children() -> set[str]:
    """Return the children of this process, where the system tells; the nursery may be one."""
    told = Path("/proc/self/task").glob("*/children")
    return {pid for path in told for pid in path.read_text().split()}


@pytest.mark.parametrize("size", [0, 1, 23, 24, 27, 28, 60_000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
def test_record_that_lies_about_its_size(size: int) -> None:
    raw = bytearray(sound(1)[0])
    struct.pack_into("<I", raw, 512 + 4, size)
    first, second = sound(2)
    examined, records = read([first, hostile.signed(raw), second])
    assert set(records) >= {1, 2}
    assert {kind for _, kind in problems(examined)} <= {"bad_record"}


@pytest.mark.parametrize("free", [0, 1, 511, 513, 530, 65535, 65537, 0xFFFFFFFF])
def test_chunk_that_lies_about_its_end(free: int) -> None:
    raw = bytearray(sound(1)[0])
    struct.pack_into("<I", raw, 48, free)
    first, second = sound(2)
    examined, records = read([first, hostile.signed(raw), second])
    assert set(records) >= {1, 2}
    assert {kind for _, kind in problems(examined)} <= {"bad_record", "bad_length"}


def test_checksum_is_no_proof_of_harm_nor_of_none() -> None:
    """One wrong byte in the table of names of a real kind of chunk made the parser run for ever."""
    raw = bytearray(hostile.endless_names())
    raw[124] ^= 1
    examined, records = read([*sound(2), bytes(raw)])
    assert records == [1, 2]
    assert {kind for _, kind in problems(examined)} == {"bad_checksum", "bad_record"}


@pytest.mark.parametrize("count", [0, 1, 7, 0xFFFF])
def test_header_that_lies_about_its_chunks(count: int) -> None:
    raw = bytearray(event_log([rdp_certificate_created("WEB01", bytes(20), TIME) for _ in range(150)]))
    struct.pack_into("<H", raw, 42, count)
    struct.pack_into("<QQ", raw, 8, 0xFFFFFFFFFFFFFFFF, 12345)
    examined = installation({SYSTEM: bytes(raw)})
    assert len(collect_events(examined)) == 150
    assert problems(examined) == [(SYSTEM, "bad_checksum")]


def test_large_empty_log_is_passed_over_quickly() -> None:
    examined = installation({SYSTEM: log_of(sound(1, "Schannel")) + bytes(3000 * CHUNK)})
    with within(0.5):
        collect_events(examined)
    assert problems(examined) == []


def test_random_bytes_behind_a_chunks_header() -> None:
    source = random.Random(7)
    chunks = []
    for _ in range(100):
        raw = bytearray(sound(1)[0])
        for _ in range(source.choice((1, 4, 30))):
            raw[source.randrange(512, 1400)] = source.randrange(256)
        chunks.append(hostile.signed(raw))
    examined, records = read([*chunks, *sound(3)])
    assert set(records) >= {1, 2, 3}
    assert {kind for _, kind in problems(examined)} <= {"bad_record", "too_much_work"}
