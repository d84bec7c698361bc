"""Forged event logs, read by two parsers that share no code with the writer or with each other."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import evtx
import pytest

from testdata.builder.evtx import (
    Event,
    event_log,
    rdp_certificate_created,
    rdp_certificate_not_created,
    schannel_key_unusable,
    service_start_changed,
)
from tests.oracles import other_reader

pyevtx = other_reader("pyevtx", "libevtx-python")

TIME = datetime(2025, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)
EVENTS = [
    rdp_certificate_created("WEB01", bytes(range(20)), TIME),
    rdp_certificate_not_created("WEB01", TIME + timedelta(days=1)),
    schannel_key_unusable("WEB01", TIME),
    service_start_changed("WEB01.example.org", TIME, "KeyIso", "CNG Key Isolation"),
    Event("Somebody", 65535, TIME, "ä-Ω", "A/B", user_data=("Told", {"Thumbprint": "AB" * 20}), level=4),
    Event("Nobody", 1, TIME, "c"),
]
VALUES = [
    ["WEB01", bytes(range(20)).hex().upper()],
    ["There are no more endpoints available from the endpoint mapper.\r\n"],
    ["server", "0x8009030d", "10001"],
    ["CNG Key Isolation", "demand start", "disabled", "KeyIso"],
    ["AB" * 20],
    [],
]


def test_libevtx_reads_it() -> None:
    log = pyevtx.file()
    log.open_file_object(io.BytesIO(event_log(EVENTS, first_record_id=7)))
    assert not log.is_corrupted()
    assert (log.number_of_records, log.number_of_recovered_records) == (6, 0)
    records = [log.get_record(index) for index in range(6)]
    assert [r.identifier for r in records] == [7, 8, 9, 10, 11, 12]
    assert [r.event_identifier & 0xFFFF for r in records] == [1056, 1057, 36870, 7040, 65535, 1]
    assert [r.computer_name for r in records] == ["WEB01", "WEB01", "WEB01", "WEB01.example.org", "ä-Ω", "c"]
    assert [r.event_level for r in records] == [4, 2, 2, 4, 4, 2]
    assert [r.written_time for r in records][:2] == [
        datetime(2025, 3, 4, 5, 6, 7, 123456),
        datetime(2025, 3, 5, 5, 6, 7, 123456),
    ]
    assert [[r.get_string(i) for i in range(r.number_of_strings)] for r in records] == VALUES
    log.close()


def test_evtx_reads_it_with_the_types_of_real_records() -> None:
    read = [
        json.loads(r["data"])["Event"] for r in evtx.PyEvtxParser(io.BytesIO(event_log(EVENTS)), 1).records_json() if r
    ]
    assert read[0] == {
        "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "System": {
            "Provider": {
                "#attributes": {
                    "Name": "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
                    "EventSourceName": "TermService",
                }
            },
            "EventID": {"#attributes": {"Qualifiers": 49152}, "#text": 1056},
            "Version": 0,
            "Level": 4,
            "Task": 0,
            "Opcode": 0,
            "Keywords": "0x80000000000000",
            "TimeCreated": {"#attributes": {"SystemTime": "2025-03-04T05:06:07.123456Z"}},
            "EventRecordID": 1,
            "Correlation": None,
            "Execution": {"#attributes": {"ProcessID": 0, "ThreadID": 0}},
            "Channel": "System",
            "Computer": "WEB01",
            "Security": None,
        },
        "EventData": {"Data": {"#text": "WEB01"}, "Binary": "000102030405060708090A0B0C0D0E0F10111213"},
    }
    assert read[2]["EventData"] == {"Type": "server", "ErrorCode": "0x8009030d", "ErrorStatus": "10001"}
    assert read[4]["UserData"] == {"Told": {"#attributes": {"xmlns": "Event_NS"}, "Thumbprint": "AB" * 20}}
    assert read[5]["EventData"] is None


def test_many_events_fill_several_chunks() -> None:
    raw = event_log([rdp_certificate_created("WEB01", bytes(20), TIME)] * 500)
    assert raw[42:44] == bytes([(len(raw) - 4096) // 65536, 0])
    assert (len(raw) - 4096) // 65536 > 5
    log = pyevtx.file()
    log.open_file_object(io.BytesIO(raw))
    assert (log.number_of_records, log.number_of_recovered_records, log.is_corrupted()) == (500, 0, False)
    log.close()
    assert [r["event_record_id"] for r in evtx.PyEvtxParser(io.BytesIO(raw), 1).records_json() if r] == list(
        range(1, 501)
    )


def test_event_that_fits_no_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        event_log([Event("P", 1, TIME, "c", data={"a": "x" * 32700})])
