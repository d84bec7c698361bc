"""Records of the change journal, against a piece of a real one and against a reader that we did not write."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime

import pytest
from dissect.ntfs.usnjrnl import UsnJrnl

from forensics.formats.errors import FormatError
from forensics.formats.usn_record import CLOSED, CREATED, UsnRecord, parse_usn_record
from testdata.builder.change_journal import Change, creation, deletion, journal, renaming
from tests.oracles import needs_shared
from tests.paths import REALDATA

REAL = REALDATA / "shadow-copies" / "UsnJrnl.raw"
WHEN = datetime(2026, 11, 7, 9, 14, 22, 500000, tzinfo=UTC)


def all_records(data: bytes) -> list[UsnRecord]:
    found, at = [], 0
    while at < len(data):
        try:
            found.append(parse_usn_record(data, at))
        except FormatError:
            at = at // 4096 * 4096 + 4096
            continue
        at += found[-1].size
    return found


@needs_shared(REAL)
def test_a_piece_of_a_real_journal() -> None:
    data = REAL.read_bytes()
    found = all_records(data)
    assert len(found) == 19
    assert found[1] == UsnRecord(
        size=112,
        usn=112,
        at=datetime(2015, 11, 30, 21, 15, 27, 218750, tzinfo=UTC),
        file=0x100000000001E,
        parent=0x5000000000005,
        reason=CREATED | CLOSED,
        name="Nieuw - Tekstdocument.txt",
    )
    theirs = list(UsnJrnl(io.BytesIO(data)).records())
    assert [(r.record.Usn, r.filename, r.record.Reason.value) for r in theirs] == [
        (r.usn, r.name, r.reason) for r in found
    ]


def test_a_forged_journal_reads_the_same_with_another_reader() -> None:
    changes = [
        *creation(WHEN, "k/one", 100),
        *renaming(WHEN, "k/one", "k/zwei-ü", 100),
        *(change for number in range(60) for change in deletion(WHEN, f"k/{number:032x}_x", 200 + number)),
    ]
    data = journal(changes, {"k": 42}, 0)
    found = all_records(data)
    theirs = list(UsnJrnl(io.BytesIO(data)).records())
    assert [r.filename for r in theirs] == [r.name for r in found] == [change.path[2:] for change in changes]
    assert {r.parent for r in found} == {42 | 1 << 48}
    assert {r.at for r in found} == {WHEN}


def test_version_3_has_references_of_128_bits() -> None:
    (record,) = all_records(journal([Change(WHEN, "k/name", 0x200, 7, version=3)], {"k": 42}, 8192))
    assert (record.usn, record.file, record.parent, record.name) == (8192, 7 | 3 << 48, 42 | 1 << 48, "name")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ((0, b"\0\0\0\0"), "no_record"),
        ((0, struct.pack("<I", 59)), "bad_length"),
        ((0, struct.pack("<I", 4096)), "bad_length"),
        ((0, struct.pack("<I", 584)), "truncated"),
        ((4, b"\x04"), "bad_version"),
        ((56, b"\xff"), "bad_length"),
        ((58, b"\x02"), "bad_length"),
    ],
)
def test_what_lies_about_itself_is_refused(change: tuple[int, bytes], kind: str) -> None:
    data = bytearray(journal([Change(WHEN, "k/name", 0x200, 7)], {"k": 42}, 0)[:80])
    data[change[0] : change[0] + len(change[1])] = change[1]
    with pytest.raises(FormatError) as caught:
        parse_usn_record(bytes(data))
    assert caught.value.kind == kind


def test_a_record_that_ends_in_its_header_is_refused() -> None:
    with pytest.raises(FormatError, match="ends within its header"):
        parse_usn_record(b"\x50\0\0\0")
