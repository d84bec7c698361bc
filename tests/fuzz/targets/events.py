"""Event logs: the frame of chunks, what the parser makes of records, and the columns made of that."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from forensics.collectors.event_parser import _parsed
from forensics.formats.errors import FormatError
from forensics.formats.event_fields import event_fields, system_part
from forensics.formats.event_selection import Selection
from forensics.formats.evtx import CHUNK_SIZE, check_chunk, check_file_header, has_chunk_magic, is_unused, log_of
from tests.fuzz.target import Target, hold
from tests.fuzz.targets.formats import told_inside

_HEADER = 512


def _chunk(data: bytes) -> None:
    told_inside(check_file_header)(log_of([data[:CHUNK_SIZE]]))
    is_unused(data)
    chunk = data.ljust(CHUNK_SIZE, b"\0")
    try:
        check_chunk(chunk)
    except FormatError as error:
        hold(0 <= error.offset <= CHUNK_SIZE, f"refused at byte {error.offset}")
    else:
        selected = Selection({"Schannel": (36870,)}).of(chunk) or chunk
        hold(len(selected) == len(chunk) and selected[:_HEADER] == chunk[:_HEADER], "a chunk that is none any more")
    assert has_chunk_magic(data) == data.startswith(b"ElfChnk\0")


def _records(data: bytes) -> None:
    """Give a chunk to the parser that is not ours; a panic of it is what its child is for, and ends the run."""
    for record in _parsed(data[:CHUNK_SIZE].ljust(CHUNK_SIZE, b"\0"), lambda text: True):
        if isinstance(record, str):
            _fields(record.encode())


def _columns(event: object) -> None:
    if isinstance(event, dict) and system_part(event) is not None:
        found = event_fields(event)
        assert isinstance(json.loads(found.data), dict | list)


def _fields(data: bytes) -> None:
    try:
        event = json.loads(data)["Event"]
    # As the collector has it: the parser writes JSON that is none of some records.
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    _columns(event)


def _field_seeds() -> list[bytes]:
    from evtx import PyEvtxParser

    records: Any = PyEvtxParser(_log(), 1).records_json()
    return [json.dumps(json.loads(item["data"])).encode() for item in records]


def _log() -> object:
    import io
    from datetime import UTC, datetime

    from testdata.builder import evtx

    when = datetime(2026, 11, 22, tzinfo=UTC)
    events = [
        evtx.rdp_certificate_created("WEB01", bytes(range(20)), when),
        evtx.schannel_key_unusable("WEB01", when),
        evtx.service_start_changed("WEB01", when, "KeyIso", "CNG Key Isolation"),
        evtx.Event("p", 1, when, "c", user_data=("Root", {"a": "b", "HResult": "0x80090016"})),
    ]
    return io.BytesIO(evtx.event_log(events))


def _chunk_seeds() -> list[bytes]:
    data = _log().read()[4096:]  # type: ignore[attr-defined]
    return [data.rstrip(b"\0")]


def sealed_chunk(data: bytes) -> bytes:
    """Make both sums of a chunk right."""
    if len(data) < _HEADER:
        return data
    made = bytearray(data)
    (free,) = struct.unpack_from("<I", made, 48)
    covered = bytes(made[_HEADER : max(free, _HEADER)]).ljust(min(max(free, _HEADER), CHUNK_SIZE) - _HEADER, b"\0")
    struct.pack_into("<I", made, 52, zlib.crc32(covered))
    struct.pack_into("<I", made, 124, zlib.crc32(made[128:_HEADER], zlib.crc32(made[:120])))
    return bytes(made)


_WORDS = (b"\x0f\x01\x01\x00", b"\x0c\x01", b"\x0d\x00\x00\x01", b"**\0\0", b"\x21", b"\x81", b"\x41", b"\x06", b"\x0a")
TARGETS = (
    Target("event-chunk", _chunk, _chunk_seeds, sealed_chunk),
    Target(
        "event-fields",
        _fields,
        _field_seeds,
        words=(b'"#text"', b"null", b"[", b"{", b'"#attributes"', b"%%0000002147942405"),
    ),
    Target("event-records", _records, _chunk_seeds, sealed_chunk, words=_WORDS, mib=512, is_slow=True, seconds=10),
)
