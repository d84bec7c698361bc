"""The replay of the VHDX log: the overlay, the choice of the active sequence, and logs made to cost time."""

from __future__ import annotations

import random
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.disk.vhdx.log_entry import LogEntryHeader, LogWrite, parse_log_entry
from forensics.disk.vhdx.log_replay import Overlay, replay_log
from forensics.disk.vhdx.structures import MAX_LOG
from forensics.formats.errors import FormatError
from testdata.builder.vhdx_log import LogShape, build_log
from tests.time_bound import within

MIB = 1 << 20
LOG = uuid.UUID(int=99)
PAGE = 4096


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 6), st.booleans()), max_size=25), st.data())
def test_overlay_reads_as_if_the_writes_had_been_made(writes: list[tuple[int, int, bool]], data: st.DataObject) -> None:
    file = bytearray(b"\xee" * 22 * PAGE)
    original, overlay = bytes(file), Overlay()
    for number, (page, count, is_zero) in enumerate(writes):
        offset, length = page * PAGE, (count if is_zero else 1) * PAGE
        content = None if is_zero else bytes([number]) * length
        overlay.write(LogWrite(offset, length, content))
        file[offset : offset + length] = content or bytes(length)
    assert overlay.paint(0, original) == file
    for _ in range(5):
        start = data.draw(st.integers(0, len(file)))
        end = data.draw(st.integers(start, len(file)))
        assert overlay.paint(start, original[start:end]) == file[start:end]


def pages(fill: int, count: int = 3) -> dict[int, bytes]:
    return {MIB + number * PAGE: bytes([fill]) * PAGE for number in range(count)}


def painted(ring: bytes) -> bytes:
    return replay_log(ring, LOG).overlay.paint(MIB, bytes(3 * PAGE))


def test_of_two_sequences_the_later_one_is_active() -> None:
    older = build_log(pages(1), LOG, MIB, 8 * MIB, LogShape(start=0, first_sequence=5))
    newer = build_log(pages(2), LOG, MIB, 9 * MIB, LogShape(start=MIB // 2, first_sequence=70))
    both = older[: MIB // 2] + newer[MIB // 2 :]
    assert painted(both) == b"\2" * 3 * PAGE
    assert replay_log(both, LOG).last_file_offset == 9 * MIB


def test_entries_of_another_log_do_not_count() -> None:
    ours = build_log(pages(1), LOG, MIB, 8 * MIB, LogShape(start=0, first_sequence=5))
    other = build_log(pages(2), uuid.UUID(int=1), MIB, 9 * MIB, LogShape(start=MIB // 2, first_sequence=70))
    assert painted(ours[: MIB // 2] + other[MIB // 2 :]) == b"\1" * 3 * PAGE
    with pytest.raises(FormatError, match="no complete sequence"):
        replay_log(other, LOG)


def test_a_sequence_that_lost_its_first_entry_is_not_active() -> None:
    # Three entries of one page, each of two log sectors; the tail of all of them names the first.
    ring = bytearray(build_log(pages(3), LOG, MIB, 8 * MIB, LogShape(pages_per_entry=1)))
    assert replay_log(bytes(ring), LOG).entries == 3
    ring[100] ^= 1
    with pytest.raises(FormatError, match="no complete sequence"):
        replay_log(bytes(ring), LOG)


def test_a_sequence_ends_before_an_entry_that_is_not_whole() -> None:
    ring = bytearray(build_log(pages(3), LOG, MIB, 8 * MIB, LogShape(pages_per_entry=1)))
    ring[5 * PAGE + 100] ^= 1
    replay = replay_log(bytes(ring), LOG)
    assert (replay.entries, replay.is_last_damaged) == (2, True)
    assert painted(bytes(ring)) == b"\3" * 2 * PAGE + bytes(PAGE)


def test_nothing_is_replayed_where_an_entry_is_damaged_before_the_last() -> None:
    ring = bytearray(build_log(pages(3), LOG, MIB, 8 * MIB, LogShape(pages_per_entry=1)))
    ring[3 * PAGE + 100] ^= 1
    with pytest.raises(FormatError, match="an entry of the log is damaged"):
        replay_log(bytes(ring), LOG)


def test_an_old_sequence_does_not_stand_in_for_a_damaged_one() -> None:
    ring = bytearray(build_log(pages(3), LOG, MIB, 8 * MIB, LogShape(stale=True)))
    assert not replay_log(bytes(ring), LOG).is_last_damaged
    ring[2 * PAGE + 100] ^= 1
    with pytest.raises(FormatError, match="an entry of the log is damaged"):
        replay_log(bytes(ring), LOG)


def test_entries_before_the_tail_are_not_replayed() -> None:
    # An earlier entry whose number and place are right in front of the sequence, already flushed when it was written.
    flushed = build_log({MIB + 2 * PAGE: b"\7" * PAGE}, LOG, MIB, 8 * MIB, LogShape(first_sequence=9))
    active = build_log(pages(4, 2), LOG, MIB, 8 * MIB, LogShape(start=2 * PAGE, first_sequence=10))
    ring = flushed[: 2 * PAGE] + active[2 * PAGE :]
    assert replay_log(flushed, LOG).entries == 1
    assert replay_log(ring, LOG).entries == 1
    assert painted(ring) == b"\4" * 2 * PAGE + bytes(PAGE)


@pytest.mark.parametrize("same_sequence", [True, False])
def test_a_log_full_of_entries_that_overlap_costs_little(same_sequence: bool) -> None:
    body = random.Random(5).randbytes(PAGE - 64)
    ring = b"".join(
        struct.pack(
            "<4sIIIQII16sQQ", b"loge", 1, MAX_LOG, 0, 7 if same_sequence else 7 + number, 9, 0, LOG.bytes_le, 0, 0
        )
        + body
        for number in range(MAX_LOG // PAGE)
    )
    with within(0.5), pytest.raises(FormatError, match="no complete sequence"):
        replay_log(ring, LOG)


def test_what_a_log_writes_is_in_no_repr() -> None:
    """Pages of a disk may hold anything: a page of hive SECURITY, a key file."""
    secret = b"\x5eSECRET" * 700
    write = LogWrite(MIB, PAGE, secret[:PAGE])
    assert repr(write) == f"LogWrite(offset={MIB}, length={PAGE})"
    ring = build_log({MIB: secret[:PAGE]}, LOG, MIB, 8 * MIB, LogShape(first_sequence=5))
    entry = parse_log_entry(ring[: 2 * PAGE])
    assert entry.writes == (write,)
    header = LogEntryHeader(2 * PAGE, 0, 5, 1, LOG, 8 * MIB, 8 * MIB)
    assert entry.header == header
    assert repr(entry) == f"LogEntry(header={header!r})"
    assert "SECRET" not in repr(replay_log(ring, LOG))
